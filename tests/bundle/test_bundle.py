"""A bundle answers the same through every door, needs no torch, and is refused as soon as anything in it is off."""

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import FORMAT
from limbeck.bundle.onnx.check import check_graph
from limbeck.errors import LimbeckError
from limbeck.files import sha256
from small import CLASSES, python, reviews, write_csv

TEXTS = [row["text"] for row in reviews(60, seed=5)]
NETWORKS = ("ngram", "gru", "textcnn", "albert")


def change(bundle, **facts):
    """Rewrite facts of bundle.json, the hashes of the files kept true."""
    stored = json.loads((bundle / "bundle.json").read_text("utf-8")) | facts
    stored["files"] = facts.get("files") or {name: sha256(bundle / name) for name in stored["files"]}
    (bundle / "bundle.json").write_text(json.dumps(stored), encoding="utf-8")


def refused(bundle, line):
    with pytest.raises(LimbeckError, match=line) as caught:
        Classifier(bundle)
    assert "\n" not in str(caught.value)
    assert str(bundle) in str(caught.value)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_answers_are_probabilities_in_the_order_given(bundles, network):
    with limbeck.load(bundles(network)) as classifier:
        p = classifier.predict_proba(TEXTS)
        assert p.shape == (60, 2)
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
        back = classifier.predict_proba(TEXTS[::-1])
        np.testing.assert_allclose(back[::-1], p, atol=1e-6)
        one = np.concatenate([classifier.predict_proba([text]) for text in TEXTS])
        np.testing.assert_allclose(one, p, atol=1e-6)
        assert classifier.classes == tuple(CLASSES.values())
        above = p[:, 1] >= classifier.threshold
        assert classifier.predict(TEXTS) == [classifier.classes[int(up)] for up in above]


def test_odd_values_are_answered_or_refused_in_one_line(bundles):
    with limbeck.load(bundles()) as classifier:
        assert classifier.predict_proba([]).shape == (0, 2)
        assert classifier.predict([]) == []
        assert np.isfinite(classifier.predict_proba(["\ud800", "好" * 1_700_000])).all()
        np.testing.assert_array_equal(classifier.predict_proba(np.array(["好"])), classifier.predict_proba(("好",)))
        for values, line in (
            (["好", 3.0], "value 1: expected a text, got float"),
            (None, "expected a list of texts, got NoneType"),
            ("好吃", r"expected a list of texts, got str; give a list of texts: \[text\]"),
        ):
            with pytest.raises(LimbeckError, match=line):
                classifier.predict_proba(values)
        assert "ngram" in repr(classifier)


@pytest.mark.parametrize("nothing", ["", " \u3000\n", None, float("nan")])
def test_an_empty_text_is_refused_by_name_or_answered_by_nan_as_predict_rejects_it(bundles, tmp_path, nothing):
    with limbeck.load(bundles()) as classifier:
        values = [*TEXTS[:2], nothing, TEXTS[2], nothing]
        with pytest.raises(LimbeckError, match=r"value 2: the text is empty; .* unreadable='nan'"):
            classifier.predict_proba(values)
        with pytest.raises(LimbeckError, match="value 2: the text is empty"):
            classifier.predict(values)
        p = classifier.predict_proba(values, unreadable="nan")
        assert np.isnan(p).all(axis=1).tolist() == [False, False, True, False, True]
        np.testing.assert_allclose(p[[0, 1, 3]], classifier.predict_proba(TEXTS[:3]), atol=1e-6)
        named = classifier.predict(values, unreadable="nan")
        assert named == [*classifier.predict(TEXTS[:2]), None, *classifier.predict(TEXTS[2:3]), None]
        assert classifier.decide(p)[[2, 4]].tolist() == [-1, -1]
        with pytest.raises(LimbeckError, match="unreadable is 'raise' or 'nan', not 'skip'"):
            classifier.predict_proba(TEXTS, unreadable="skip")
    rows = [{"id": str(at), "text": value if isinstance(value, str) else ""} for at, value in enumerate(values)]
    done = limbeck.predict(bundles(), write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv", quiet=True)
    assert (done.rows, done.rejected) == (3, 2)


def test_the_first_empty_text_is_named_by_its_place_in_the_whole_list(bundles):
    with limbeck.load(bundles()) as classifier:
        values = ["好"] * (classifier.window + 3) + ["", "好"]
        with pytest.raises(LimbeckError, match=f"value {classifier.window + 3}: the text is empty"):
            classifier.predict_proba(values)
        answered = classifier.predict_proba(values, unreadable="nan")
        assert np.flatnonzero(np.isnan(answered[:, 0])).tolist() == [classifier.window + 3]


def test_a_judgement_counts_every_labelled_row_an_empty_text_too(bundles, tmp_path):
    rows = [*reviews(20, seed=3), {"id": "x", "text": "", "label": "1", "domain": "", "split": "test"}]
    assert limbeck.evaluate(bundles(), write_csv(tmp_path / "rows.csv", rows), bootstrap=0)["n"] == 21


def test_every_door_gives_the_same_answer(bundles, tmp_path):
    rows = reviews(90, seed=7)
    write_csv(tmp_path / "rows.csv", rows)
    with limbeck.load(bundles("gru")) as classifier:
        p = classifier.predict_proba([row["text"] for row in rows])
        decided = classifier.decide(p)
    limbeck.predict(
        bundles("gru"), tmp_path / "rows.csv", tmp_path / "out.jsonl",
        columns=["id", "label", "class", "p:bad", "p:good"], quiet=True,
    )  # fmt: skip
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in written] == [row["id"] for row in rows]
    np.testing.assert_allclose([[row["p:bad"], row["p:good"]] for row in written], p, atol=1e-6)
    assert [row["class"] for row in written] == [("bad", "good")[index] for index in decided]
    assert [row["label"] for row in written] == [str(index) for index in decided]
    found = limbeck.evaluate(bundles("gru"), tmp_path / "rows.csv", bootstrap=0)
    truth = np.array([int(row["label"]) for row in rows])
    assert found["accuracy"] == pytest.approx((decided == truth).mean())
    brier = np.square(p - np.eye(2)[truth]).sum(axis=1).mean()
    assert found["brier"] == pytest.approx(brier, rel=1e-4) or found["brier"] == pytest.approx(brier / 2, rel=1e-4)


def test_a_bundle_loads_and_answers_where_torch_cannot_be_imported(bundles, tmp_path):
    write_csv(tmp_path / "rows.csv", reviews(20))
    code = """
import sys
from importlib.machinery import ModuleSpec
HEAVY = {"torch", "transformers", "sklearn", "scipy", "accelerate", "onnx", "optuna", "safetensors"}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            return ModuleSpec(name, self)
    def create_module(self, spec):
        raise ImportError(f"{spec.name} is blocked")
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Blocker())
import limbeck
bundle, rows, out = sys.argv[1:]
print(limbeck.load(bundle).predict_proba(["物流很快"]).shape)
print(limbeck.predict(bundle, rows, out, quiet=True).rows)
print(limbeck.evaluate(bundle, rows, bootstrap=0, report=out + ".html")["n"])
print(sorted(HEAVY & set(sys.modules)))
"""
    for network in ("ngram", "albert"):
        done = python(code, bundles(network), tmp_path / "rows.csv", tmp_path / "out.csv")
        assert done.stdout.split("\n")[:4] == ["(1, 2)", "20", "20", "[]"], done.stderr


def test_a_folder_without_bundle_json_or_none_at_all_is_no_bundle(own_bundle, tmp_path):
    (own_bundle / "bundle.json").unlink()
    refused(own_bundle, "not a bundle: it holds no bundle.json")
    refused(tmp_path / "nowhere", "not a bundle")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    refused(tmp_path / "file", "cannot be read")


@pytest.mark.parametrize("name", ["model.onnx", "ngrams.txt", "weights.safetensors", "README.md", "metrics.json"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "one bit", "missing", "folder"])
def test_a_file_that_is_not_the_one_that_was_written_is_named(own_bundle, name, damage):
    file = own_bundle / name
    data = file.read_bytes()
    file.unlink()
    if damage == "empty":
        file.write_bytes(b"")
    elif damage == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "one bit":
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "folder":
        file.mkdir()
    line = "cannot be read" if damage in ("missing", "folder") else r"its hash is not the one in bundle\.json"
    refused(own_bundle, rf"{name}.*{line}")


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"format": FORMAT + 1}, r"newer Limbeck \(format 6; this one reads up to 5\); upgrade"),
        ({"format": "x"}, "states no format"),
        ({"format": 0}, "there is no format 0"),
        ({"classes": ["only"]}, "damaged: classes"),
        ({"classes": ["bad", "good", "more"]}, "do not fit"),
        ({"positive": 7}, "do not fit"),
        ({"labels": {"bad": "0"}}, "do not fit"),
        ({"threshold": "high"}, "damaged: threshold"),
        ({"unknown": 1}, "damaged: unknown"),
        ({"temperature": 0}, "damaged: temperature"),
        ({"serve": "other.onnx"}, "not among its files"),
        ({"serve": "README.md"}, "not a valid ONNX model"),
        (
            {"classes": ["a", "b", "c"], "labels": {"a": "0", "b": "1", "c": "2"}, "sets": None},
            "not what bundle.json says",
        ),
        ({"input": {"encoder": "ngrams", "buckets": 1}}, r"damaged: input\.buckets"),
        ({"input": {"encoder": "characters"}}, "cannot be read"),
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused(own_bundle, facts, line):
    change(own_bundle, **facts)
    refused(own_bundle, line)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "a/b", "a\\b", "", "C:x", "nul\0"])
def test_a_file_name_that_leads_out_of_the_bundle_is_refused(own_bundle, name):
    change(own_bundle, files={name: "0" * 64})
    refused(own_bundle, "names a file outside the bundle")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "not valid JSON"),
        (b"[]", "states no format"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b'{"format": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b" " * (17 * 2**20), "far too large"),
    ],
)
def test_a_bundle_json_of_any_bytes_is_one_clear_line(own_bundle, content, line):
    (own_bundle / "bundle.json").write_bytes(content)
    refused(own_bundle, line)


@pytest.mark.parametrize("name", ["vocabulary.json", "tokenizer.json"])
def test_a_damaged_encoder_with_a_true_hash_is_refused(tmp_path, bundles, name):
    network = {"vocabulary.json": "gru", "tokenizer.json": "albert"}[name]
    bundle = shutil.copytree(bundles(network), tmp_path / "b")
    (bundle / name).write_text("{}", encoding="utf-8")
    change(bundle)
    with pytest.raises(LimbeckError, match=r"vocabulary|tokenizer"):
        Classifier(bundle)


def replace_model(bundle, edit):
    model = onnx.load(bundle / "model.onnx")
    edit(model)
    (bundle / "model.onnx").write_bytes(model.SerializeToString())
    change(bundle)


def test_a_model_with_weights_in_another_file_is_refused(own_bundle):
    def edit(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "../../etc/passwd"

    replace_model(own_bundle, edit)
    refused(own_bundle, "keeps weights in another file")


def test_external_weights_are_found_inside_attributes_subgraphs_and_functions():
    hidden = helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0])
    hidden.data_location = TensorProto.EXTERNAL
    constant = helper.make_node("Constant", [], ["c"], value=hidden)
    inner = helper.make_graph([constant], "inner", [], [])
    branch = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    function = helper.make_function("", "F", [], ["c"], [constant], [helper.make_opsetid("", 18)])
    for nodes, functions in (([constant], []), ([branch], []), ([], [function])):
        model = helper.make_model(helper.make_graph(nodes, "g", [], []), functions=functions)
        with pytest.raises(LimbeckError, match="keeps weights in another file"):
            check_graph(model.SerializeToString(), "m.onnx")


@pytest.mark.parametrize("where", ["node", "opset"])
def test_a_model_with_operators_of_another_library_is_refused(own_bundle, where):
    def edit(model):
        if where == "node":
            model.graph.node.append(helper.make_node("Shell", [], ["out"], domain="evil.ops"))
        else:
            model.opset_import.append(helper.make_opsetid("evil.ops", 1))

    replace_model(own_bundle, edit)
    refused(own_bundle, r"custom operators of 'evil\.ops'")


def deep(levels):
    """A graph in an If in a graph in an If …, as raw protocol buffer."""

    def field(number, body):
        size = len(body)
        length = bytearray()
        while size >= 0x80:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        return bytes([number << 3 | 2]) + bytes([*length, size]) + body

    graph = b""
    for _ in range(levels):
        graph = field(1, field(5, field(6, graph)))  # GraphProto.node.attribute.g
    return field(7, graph)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (deep(3000), "nested too deeply"),
        (b"\xff" * 64, "not a valid ONNX model"),
        (b"\x3a\xff\xff\xff\xff\x7f", "not a valid ONNX model"),
        (np.random.default_rng(0).bytes(4096), "not a valid ONNX model"),
        (b"PK\x03\x04 not a model", "not a valid ONNX model"),
        (b"", "onnxruntime cannot open it"),
        (helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString(), "onnxruntime cannot open it|gives"),
    ],
)
def test_bytes_that_are_no_model_are_one_clear_line_even_with_a_true_hash(own_bundle, content, line):
    (own_bundle / "model.onnx").write_bytes(content)
    change(own_bundle)
    refused(own_bundle, line)


def test_the_model_to_use_can_be_chosen_but_only_from_the_bundle(own_bundle, tmp_path):
    with Classifier(own_bundle, model="model.onnx", threads=1) as classifier:
        assert classifier.predict_proba(["好"]).shape == (1, 2)
    (own_bundle / "stray.onnx").write_bytes((own_bundle / "model.onnx").read_bytes())
    with pytest.raises(LimbeckError, match="no such model in this bundle"):
        Classifier(own_bundle, model="stray.onnx")


def test_what_a_bundle_holds_is_what_the_design_names(bundles):
    for network in NETWORKS:
        stored = json.loads((bundles(network) / "bundle.json").read_text("utf-8"))
        present = {file.name for file in bundles(network).iterdir()}
        assert set(stored["files"]) == present - {"bundle.json"}
        assert {"model.onnx", "weights.safetensors", "recipe.toml", "metrics.json", "export.json", "report.html",
                "README.md"} <= present  # fmt: skip
        gate = json.loads((bundles(network) / "export.json").read_text("utf-8"))
        assert gate["largest_difference"] <= 1e-4
        assert gate["flipped"] == 0
