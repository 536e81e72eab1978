"""Bundles and models that somebody made to do harm, or that are broken in ways that files alone do not show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from limbeck.files import sha256


def change(bundle: Path, **facts: Any) -> None:
    """Rewrite facts of bundle.json, the hashes of the files kept true."""
    stored = json.loads((bundle / "bundle.json").read_text("utf-8")) | facts
    stored["files"] = facts.get("files") or {name: sha256(bundle / name) for name in stored["files"]}
    (bundle / "bundle.json").write_text(json.dumps(stored), encoding="utf-8")


def with_nodes(
    bundle: Path, nodes: list[Any], outputs: list[Any] | None = None, constants: dict[str, Any] | None = None
) -> None:
    """Put other nodes between the inputs of a bundle's model and its answer, ``probabilities``."""
    model = onnx.load(bundle / "model.onnx")
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    for name, value in (constants or {}).items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    if outputs is not None:
        del model.graph.output[:]
        model.graph.output.extend(outputs)
    (bundle / "model.onnx").write_bytes(model.SerializeToString())
    change(bundle)


def answering(bundle: Path, rows: Any, like: str = "ids") -> None:
    """Make a bundle answer every row with the same numbers, [1, C], or with exactly these rows where there are more."""
    rows = np.asarray(rows)
    if len(rows) > 1:
        with_nodes(bundle, [helper.make_node("Identity", ["rows"], ["probabilities"])], constants={"rows": rows})
        return
    nodes = [
        helper.make_node("Shape", [like], ["sides"]),
        helper.make_node("Gather", ["sides", "zero"], ["count"], axis=0),
        helper.make_node("Concat", ["count", "one"], ["times"], axis=0),
        helper.make_node("Tile", ["rows", "times"], ["probabilities"]),
    ]
    with_nodes(bundle, nodes, constants={"rows": rows, "zero": np.array([0]), "one": np.array([1])})
