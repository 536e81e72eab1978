"""Damaged and hostile bundles and ONNX files: random ones, whose hashes are corrected, and a list made by hand."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import limbeck
from benchmarks.damaged_tables import damaged
from limbeck.files import sha256
from limbeck.recipe import parse_recipe

SECRET = "secret.bin"  # in the working folder and beside the bundle: no model may open it
_ODD: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, -0.5, 1e-300, 1e308, float("nan"), float("inf"), "", " ", "nan",
    "\x1b[2J", "\ud800", "a" * 5000, [], {}, [[]], ["a", "a"], {"a": "a"}, SECRET, "../secret.bin", "/etc/passwd",
]  # fmt: skip
_NETWORKS: dict[str, dict[str, Any]] = {
    "bags": {"student": {"network": "ngram"}, "input": {"encoder": "ngrams", "buckets": 512}},
    "characters": {"student": {"network": "gru", "embedding": 8, "hidden": 8}, "input": {"max_length": 24}},
    "words": {"student": {"network": "textcnn", "embedding": 8, "filters": 8}, "input": {"encoder": "words"}},
    "pieces": {
        "student": {"network": "albert", "embedding": 8, "hidden": 16, "layers": 1, "heads": 2, "intermediate": 16},
        "input": {"encoder": "wordpiece", "vocabulary": 300, "max_length": 24},
    },
    "tables": {"task": {"kind": "table", "input": ["size", "colour"]}, "student": {"network": "mlp"}},
}


def bundles(home: Path) -> list[Path]:
    """Train a small bundle of each way to read rows."""
    lines = [
        f"第{k}条讲的是{k * k * 97}件事{'很好' if k % 2 else '太差'},{k % 2},{k % 17},{'rgb'[k % 3]}\n"
        for k in range(200)
    ]
    (home / "rows.csv").write_text("text,label,size,colour\n" + "".join(lines), "utf-8")
    made = []
    for name, sections in _NETWORKS.items():
        raw = {
            "data": {"train": "rows.csv"}, "training": {"epochs": 1, "threads": 1, "device": "cpu"},
            "evaluation": {"bootstrap": 5, "baseline": False}, "export": {"int8": "never"}, **sections,
        }  # fmt: skip
        raw["task"] = {"kind": "text", "classes": {"0": "bad", "1": "good"}} | sections.get("task", {})
        made.append(limbeck.train(parse_recipe(raw), data=home, out=home / name).bundle)
    return made


def rehash(bundle: Path) -> None:
    """Correct the hashes of a bundle whose manifest can still be read."""
    file = bundle / "bundle.json"
    if not file.is_file() or file.is_symlink():
        return
    try:
        stored = json.loads(file.read_text("utf-8"))
        stored["files"] = {name: sha256(bundle / name) for name in stored["files"] if (bundle / name).is_file()}
        file.write_text(json.dumps(stored), "utf-8")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return


def mutated(rng: random.Random, base: Path, folder: Path) -> Path:
    """Return a copy of a bundle in which one or two files are damaged, and the hashes are right."""
    bundle = Path(shutil.copytree(base, folder / "bundle"))
    names = [
        file.name for file in bundle.iterdir() if file.name not in ("report.html", "README.md", "weights.safetensors")
    ]
    weights = [6 if name == "model.onnx" else 4 if name == "bundle.json" else 2 for name in names]
    for name in rng.choices(
        sorted(names), [weights[names.index(one)] for one in sorted(names)], k=rng.choice([1, 1, 2])
    ):
        file = bundle / name
        if name == "model.onnx" and rng.random() < 0.6:
            _model(rng, file)
        elif name.endswith(".json") and rng.random() < 0.7:
            _values(rng, file)
        else:
            file.write_bytes(damaged(rng, file.read_bytes()))
    rehash(bundle)
    return bundle


def _values(rng: random.Random, file: Path) -> None:
    """Put odd values into places of a JSON file."""
    try:
        value = json.loads(file.read_text("utf-8"))
    except ValueError:
        return
    for _ in range(rng.choice([1, 1, 2, 5])):
        at: Any = value
        for _ in range(rng.randrange(1, 5)):
            if not isinstance(at, dict | list) or not at:
                break
            key = rng.choice(list(at)) if isinstance(at, dict) else rng.randrange(len(at))
            if rng.random() < 0.5 or not isinstance(at[key], dict | list):
                at[key] = copy.deepcopy(rng.choice(_ODD))
                break
            at = at[key]
    file.write_text(json.dumps(value), "utf-8")


def _model(rng: random.Random, file: Path) -> None:
    """Change nodes, attributes, constants and ends of a model, which stays one."""
    try:
        model = onnx.load_from_string(file.read_bytes())
    except Exception:
        return
    graph = model.graph
    for _ in range(rng.choice([1, 2, 4])):
        node = rng.choice(graph.node) if graph.node else helper.make_node("Identity", ["ids"], ["probabilities"])
        what = rng.randrange(9)
        if what == 0:
            node.op_type = rng.choice(
                ["Loop", "If", "Scan", "Tile", "Expand", "Range", "NonZero", "MatMul", "Resize", "Pad"]
            )
        elif what == 1 and node.input:
            node.input[rng.randrange(len(node.input))] = rng.choice(
                [name for each in graph.node for name in each.output]
            )
        elif what == 2 and node.attribute:
            attribute = rng.choice(node.attribute)
            attribute.i = rng.choice([-1, 0, 7, 2**31, 2**62])
            if attribute.ints:
                attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice([-1, 0, 1000, 2**40])
        elif what == 3 and graph.initializer:
            tensor = rng.choice(graph.initializer)
            try:
                array = numpy_helper.to_array(tensor).copy()
            except Exception:  # an earlier change made it one that onnx does not read
                continue
            if array.size:
                odd = [0, -1, 2**31 - 1, 10**6] if array.dtype.kind in "iu" else [np.nan, np.inf, -1e30, 1e30]
                with np.errstate(all="ignore"):
                    array.reshape(-1)[rng.randrange(array.size)] = rng.choice(odd)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        elif what == 4 and graph.initializer:
            tensor = rng.choice(graph.initializer)
            if tensor.dims:
                tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice([0, 1, 10**6, 2**40])
        elif what == 5:
            graph.node.remove(node) if graph.node else None
        elif what == 6:
            graph.output[0].name = rng.choice(rng.choice(graph.node).output) if graph.node else "x"
        elif what == 7:
            node.domain = rng.choice(["com.microsoft", "ai.onnx.ml", "evil", "ai.onnx.training"])
        else:
            tensor = graph.initializer.add(name=f"far{rng.random()}", data_type=TensorProto.FLOAT, dims=[2])
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=rng.choice([SECRET, "../secret.bin", "/etc/passwd"]))
    content = model.SerializeToString()
    file.write_bytes(damaged(rng, content) if rng.random() < 0.2 else content)


# --- by hand -------------------------------------------------------------------------------------------------------


def _with(nodes: list[Any], **constants: Any) -> Callable[[Path], None]:
    def edit(bundle: Path) -> None:
        model = onnx.load_from_string((bundle / "model.onnx").read_bytes())
        del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
        end = [
            helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "half"], ["probabilities"]),
        ]
        given = any("probabilities" in node.output for node in nodes)
        model.graph.node.extend(nodes if given else [*nodes, *end])
        for name, value in {"zero": np.float32(0), "half": np.full((3, 2), 0.5, np.float32), **constants}.items():
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        (bundle / "model.onnx").write_bytes(model.SerializeToString())

    return edit


def _answer(rows: Any, kind: Any = np.float32) -> Callable[[Path], None]:
    return _with([helper.make_node("Identity", ["rows"], ["probabilities"])], rows=np.array(rows, dtype=kind))


def _loop() -> list[Any]:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in ("state", "next")]
    kept = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on")]
    number = helper.make_tensor_value_info("round", TensorProto.INT64, [])
    steps = [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["state", "zero"], ["next"])]
    body = helper.make_graph(steps, "body", [number, kept[0], ends[0]], [kept[1], ends[1]])
    return [helper.make_node("Loop", ["far", "yes", "zero"], ["big"], body=body)]


def _varint(value: int, width: int = 0) -> bytes:
    out = bytearray()
    while value >= 0x80 or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, body: bytes, tag: bytes | None = None) -> bytes:
    return (tag or _varint(number << 3 | 2)) + _varint(len(body)) + body


def _hidden(high: int, width: int) -> Callable[[Path], None]:
    """Weights in the secret file, behind tags with surplus bits or bytes."""

    def edit(bundle: Path) -> None:
        entry = _field(1, b"location") + _field(2, SECRET.encode())
        far = _field(13, entry, tag=_varint(13 << 3 | 2 | high, width)) + _varint(14 << 3 | high, width) + b"\x01"
        tensor = b"\x08\x03\x08\x02\x10\x01" + _field(8, b"rows") + far
        model = onnx.load_from_string((bundle / "model.onnx").read_bytes())
        del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
        model.graph.node.append(helper.make_node("Identity", ["rows"], ["probabilities"]))
        graph = model.graph.SerializeToString() + _field(5, tensor)
        model.ClearField("graph")
        (bundle / "model.onnx").write_bytes(model.SerializeToString() + _field(7, graph))

    return edit


def _special(name: str, kind: str) -> Callable[[Path], None]:
    def edit(bundle: Path) -> None:
        (bundle / name).unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(bundle / name)
        else:
            (bundle / name).symlink_to(kind)

    return edit


def _json(name: str, **facts: Any) -> Callable[[Path], None]:
    def edit(bundle: Path) -> None:
        stored = json.loads((bundle / name).read_text("utf-8"))
        (bundle / name).write_text(json.dumps({**stored, **facts}), "utf-8")

    return edit


def _far(*path: str) -> Callable[[Path], None]:
    """External weights said in the plain way, in the graph or inside an attribute."""

    def edit(bundle: Path) -> None:
        tensor = TensorProto(name="rows", data_type=TensorProto.FLOAT, dims=[3, 2], data_location=TensorProto.EXTERNAL)
        for place in path:
            tensor.external_data.add(key="location", value=place)
        model = onnx.load_from_string((bundle / "model.onnx").read_bytes())
        del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
        if len(path) > 1:
            model.graph.node.append(helper.make_node("Constant", [], ["probabilities"], value=tensor))
        else:
            model.graph.initializer.append(tensor)
            model.graph.node.append(helper.make_node("Identity", ["rows"], ["probabilities"]))
        (bundle / "model.onnx").write_bytes(model.SerializeToString())

    return edit


BY_HAND: dict[str, Callable[[Path], None]] = {
    "a loop without end": _with(_loop(), far=np.int64(2**62), yes=np.bool_(True)),
    "a constant of 100 GB": _with(
        [helper.make_node("ConstantOfShape", ["sides"], ["big"])], sides=np.array([250_000, 100_000])
    ),
    "expanded to 100 GB": _with(
        [helper.make_node("Expand", ["zero", "sides"], ["big"])], sides=np.array([250_000, 10**5])
    ),
    "repeated to 100 GB": _with(
        [helper.make_node("Tile", ["half", "sides"], ["big"])], sides=np.array([83_000, 50_000])
    ),
    "a range of 100 GB": _with(
        [helper.make_node("Range", ["zero", "much", "unit"], ["big"])], much=np.float32(1e11), unit=np.float32(1)
    ),
    "doubled forty times": _with(
        [helper.make_node("Concat", [f"c{k}", f"c{k}"], [f"c{k + 1}" if k < 39 else "big"], axis=0) for k in range(40)],
        c0=np.zeros(1, np.float32),
    ),
    "large products": _with(
        [
            helper.make_node("ConstantOfShape", ["sides"], ["m0"]),
            *(helper.make_node("MatMul", [f"m{k}", "m0"], [f"m{k + 1}" if k < 99 else "big"]) for k in range(100)),
        ],
        sides=np.array([4096, 4096]),
    ),
    "answers NaN": _answer([[np.nan, np.nan]] * 3),
    "answers 7 and -5": _answer([[7, -5]] * 3),
    "answers infinity": _answer([[np.inf, -np.inf]] * 3),
    "answers one row for three": _answer([[0.5, 0.5]]),
    "answers three classes": _answer([[0.5, 0.25, 0.25]] * 3),
    "answers doubles": _answer([[0.5, 0.5]] * 3, np.float64),
    "answers texts": _answer([["a", "b"]] * 3, object),
    "weights in the secret file": _far(SECRET),
    "weights above the bundle": _far("../secret.bin"),
    "weights in memory": _far("*/_ORT_MEM_ADDR_/*"),
    "weights in the secret file, in an attribute": _far(SECRET, SECRET),
    "weights behind bit 32 of a tag": _hidden(1 << 32, 0),
    "weights behind bits 34 and 36 of a tag": _hidden(5 << 34, 0),
    "weights behind bit 63 of a tag": _hidden(1 << 63, 0),
    "weights behind a tag of surplus bytes": _hidden(0, 5),
    "classes twice": _json("bundle.json", classes=["a", "a"], labels={"a": "0"}),
    "NaN as threshold": _json("bundle.json", threshold=float("nan")),
    "an infinite temperature": _json("bundle.json", temperature=float("inf")),
    "names that steer a terminal": _json(
        "bundle.json", classes=["\x1b[2J", "\u202e<script>"], labels={"\x1b[2J": "0", "\u202e<script>": "1"}
    ),
    "a member outside": _json("bundle.json", files={"../secret.bin": "0" * 64}),
    "the model is the manifest": _json("bundle.json", serve="recipe.toml"),
    "a long text": _json("bundle.json", input={"encoder": "ngrams", "buckets": 2**30}),
    "JSON that is nested deeply": lambda bundle: (bundle / "bundle.json").write_text("[" * 10**6) and None,  # type: ignore[func-returns-value]
    **{
        f"{name} is {kind}": _special(name, kind)
        for name in ("bundle.json", "model.onnx", "ngrams.txt", "seen.npy")
        for kind in ("pipe", "/dev/zero", "/dev/stdin", "../secret.bin")
    },
}
