"""A bundle that is hostile or broken in ways that hashes do not show: one line, nothing read elsewhere, no waiting."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import limbeck
from bundle.hostile import answering, change
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.training_hashes import read_seen
from limbeck.errors import LimbeckError
from limbeck.evaluation.bundle_files import export_facts, stored_metrics

TEXTS = ["物流很快", "质量太差"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def refused(action, line):
    with pytest.raises(LimbeckError, match=line) as caught:
        action()
    assert "\n" not in str(caught.value)


def special(file, kind):
    """Put a pipe, a link to a device, or a link to a file elsewhere in the place of a file."""
    content = file.read_bytes() if file.exists() else b"{}"
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        (file.parent.parent / "elsewhere").write_bytes(content)
        file.symlink_to(file.parent.parent / "elsewhere")


@posix
@pytest.mark.parametrize("kind", ["pipe", "device", "elsewhere"])
@pytest.mark.parametrize("name", ["bundle.json", "model.onnx", "ngrams.txt", "weights.safetensors", "seen.npy"])
def test_only_regular_files_of_the_bundle_are_opened(own_bundle, name, kind):
    special(own_bundle / name, kind)
    line = {"pipe": "not a regular file", "device": "leads out of its folder", "elsewhere": "leads out of its folder"}
    refused(lambda: Classifier(own_bundle), f"{name}: .*{line[kind]}")


@posix
def test_a_link_inside_the_bundle_is_followed(own_bundle):
    (own_bundle / "model.onnx").rename(own_bundle / "model-7.onnx")
    (own_bundle / "model.onnx").symlink_to("model-7.onnx")
    with Classifier(own_bundle) as classifier:
        assert classifier.predict_proba(TEXTS).shape == (2, 2)


@posix
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_a_bundle_keeps_without_a_hash_is_read_no_further(own_bundle, kind):
    for name in ("metrics.json", "export.json", "seen.npy"):
        special(own_bundle / name, kind)
    for read in (read_seen, stored_metrics, export_facts):
        refused(lambda read=read: read(own_bundle), "not a regular file|leads out of its folder")


@posix
@pytest.mark.parametrize(
    ("network", "name"), [("gru", "vocabulary.json"), ("textcnn", "vocabulary.json"), ("albert", "tokenizer.json")]
)
def test_an_encoder_that_the_manifest_does_not_name_is_opened_with_the_same_care(bundles, tmp_path, network, name):
    bundle = Path(shutil.copytree(bundles(network), tmp_path / "b"))
    stored = json.loads((bundle / "bundle.json").read_text("utf-8"))
    change(bundle, files={other: digest for other, digest in stored["files"].items() if other != name})
    special(bundle / name, "pipe")
    refused(lambda: Classifier(bundle), f"{name}: .*not a regular file")


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"threshold": NAN}, "not valid JSON"),
        ({"threshold": INF}, "not valid JSON"),
        ({"temperature": INF}, "not valid JSON"),
        ({"temperature": "inf"}, r"damaged: temperature"),
        ({"threshold": "nan"}, r"damaged: threshold"),
        ({"classes": ["a", "a"], "labels": {"a": "0"}}, r"class names are empty or not distinct: \['a', 'a'\]"),
        ({"classes": ["a", " "], "labels": {"a": "0", " ": "1"}}, "class names are empty or not distinct"),
        ({"classes": ["bad", "good"], "labels": {"bad": "0", "good": "0"}}, "label names are empty or not distinct"),
    ],
)
def test_a_manifest_holds_finite_numbers_and_distinct_names(own_bundle, facts, line):
    change(own_bundle, **facts)
    refused(lambda: Classifier(own_bundle), line)


def test_a_number_too_large_for_a_float_is_no_number_of_a_manifest(own_bundle):
    file = own_bundle / "bundle.json"
    text = file.read_text("utf-8")
    threshold = json.loads(text)["threshold"]
    file.write_text(text.replace(f'"threshold": {threshold}', '"threshold": 1e999'), encoding="utf-8")
    refused(lambda: Classifier(own_bundle), "not valid JSON")


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([[NAN, NAN]], r"answers a row with \(nan, nan\), which are no probabilities"),
        ([[0.5, NAN]], r"answers a row with \(0.5, nan\)"),
        ([[7.0, -5.0]], r"answers a row with \(7, -5\)"),
        ([[1.5, -0.5]], r"answers a row with \(1.5, -0.5\)"),
        ([[INF, -INF]], r"answers a row with \(inf, -inf\)"),
        ([[0.2, 0.2]], r"answers a row with \(0.2, 0.2\)"),
        ([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], r"answers 2 rows of 2 classes with the shape \[3, 2\]"),
        ([[0.2, 0.3, 0.5]], r"answers 2 rows of 2 classes with the shape \[2, 3\]|not what bundle.json says"),
    ],
)
def test_an_answer_that_is_no_probability_is_no_answer_at_any_door(own_bundle, tmp_path, rows, line):
    answering(own_bundle, np.array(rows, dtype=np.float32))
    (tmp_path / "rows.csv").write_text("text\n" + "\n".join(TEXTS) + "\n", encoding="utf-8")
    refused(lambda: Classifier(own_bundle).predict_proba(TEXTS), line)
    refused(lambda: limbeck.predict(own_bundle, tmp_path / "rows.csv", tmp_path / "out.csv", quiet=True), line)
    assert not (tmp_path / "out.csv").exists()


def test_one_answer_is_not_taken_for_that_of_every_row(own_bundle):
    answering(own_bundle, np.array([[0.25, 0.75]] * 2, dtype=np.float32))
    refused(
        lambda: Classifier(own_bundle).predict_proba(TEXTS * 2), r"answers 4 rows of 2 classes with the shape \[2, 2\]"
    )


@pytest.mark.parametrize("kind", [np.float64, np.int64])
def test_an_answer_of_other_numbers_is_refused_when_the_bundle_is_loaded(own_bundle, kind):
    answering(own_bundle, np.array([[0, 1]], dtype=kind))
    refused(lambda: Classifier(own_bundle), "not what bundle.json says|cannot open it")


def test_probabilities_within_rounding_are_answers(own_bundle):
    answering(own_bundle, np.array([[0.25, 0.7499]], dtype=np.float32))
    with Classifier(own_bundle) as classifier:
        np.testing.assert_array_equal(classifier.predict_proba(TEXTS), np.float32([[0.25, 0.7499]] * 2))


@pytest.mark.parametrize(
    ("place", "entry"),
    [
        ("pre_tokenizer", {"type": "Split", "behavior": "Isolated", "invert": False}),
        ("normalizer", {"type": "Replace", "content": "x"}),
    ],
)
@pytest.mark.parametrize("pattern", ["(a+)+$", "(?<=a+)(", "("])
def test_a_pattern_on_which_the_tokenizer_gives_up_is_one_line(bundles, tmp_path, capfd, place, entry, pattern):
    bundle = Path(shutil.copytree(bundles("albert"), tmp_path / "b"))
    stored = json.loads((bundle / "tokenizer.json").read_text("utf-8"))
    stored[place] = entry | {"pattern": {"Regex": pattern}}
    (bundle / "tokenizer.json").write_text(json.dumps(stored), encoding="utf-8")
    change(bundle)
    capfd.readouterr()
    refused(lambda: Classifier(bundle).predict_proba(["a" * 32 + "b"]), "tokenizer")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("network", "name", "content"),
    [
        ("gru", "vocabulary.json", "[" * 100_000),
        ("gru", "vocabulary.json", "7" * 5000),
        ("textcnn", "vocabulary.json", '{"tokens": ' + "[" * 100_000),
        ("textcnn", "vocabulary.json", '{"tokens": {}, "stop_words": 3}'),
        ("albert", "tokenizer.json", "[" * 100_000),
    ],
)
def test_an_encoder_of_odd_json_is_one_line(bundles, tmp_path, network, name, content):
    bundle = Path(shutil.copytree(bundles(network), tmp_path / "b"))
    (bundle / name).write_text(content, encoding="utf-8")
    change(bundle)
    refused(lambda: Classifier(bundle), "vocabulary|tokenizer")


def header(text, rest=b""):
    """The bytes of a ``.npy`` file whose header is this text."""
    return b"\x93NUMPY\x01\x00\x76\x00" + text.encode().ljust(117) + b"\n" + rest


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06" + b"\0" * 18,  # an empty archive of arrays
        header("{'descr': '<u4', 'fortran_order': False, 'shape': (100000000000000,), }"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"x" * 8),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", b"x" * 4),
        header("(" * 117),
    ],
)
def test_hashes_of_rows_that_are_none_are_one_line(own_bundle, content):
    (own_bundle / "seen.npy").write_bytes(content)
    refused(lambda: read_seen(own_bundle), "seen.npy: ")


def test_the_header_of_an_older_numpy_is_read_in_silence(own_bundle, recwarn):
    (own_bundle / "seen.npy").write_bytes(
        header("{'descr': '<u4', 'fortran_order': False, 'shape': (1L,), }", b"\1\0\0\0")
    )
    assert read_seen(own_bundle).tolist() == [1]
    assert not recwarn.list


@pytest.mark.parametrize("int8", [[], 3, "kept", None, {"kept": True}])
def test_what_the_gate_found_is_read_whatever_stands_there(own_bundle, int8):
    (own_bundle / "export.json").write_text(json.dumps({"rows": 3, "int8": int8}), encoding="utf-8")
    assert export_facts(own_bundle) == {"rows": 3, **(int8 if isinstance(int8, dict) else {})}
