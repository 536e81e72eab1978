"""`limbeck.recalibrate`: a new bundle for a new place, from few rows of it."""

from __future__ import annotations

import filecmp
import json

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import limbeck
import old_bundles
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import read_manifest
from limbeck.bundle.onnx.rescale import rescaled
from limbeck.bundle.training_hashes import read_seen
from limbeck.errors import LimbeckError
from limbeck.kinds.select import batch_of
from limbeck.metrics.fitted.recalibration import (
    cut_by_rate,
    cut_of_normal,
    from_labels,
    from_rates,
    least_rows,
    logits_of,
)
from limbeck.metrics.logits import softmax
from limbeck.metrics.measure import expected_calibration_error
from small import python, reviews

NEW = pl.DataFrame([{**row, "split": "new"} for row in reviews(900, seed=7)[400:]])  # none of them was learned from


def good_only(rows=NEW):
    return rows.filter(pl.col("label") == "0")


def snapshot(folder):
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


@pytest.mark.parametrize("name", [*old_bundles.KINDS, *old_bundles.DETECTORS])
def test_the_model_itself_is_scaled_and_shifted_and_back_again(name):
    with Classifier(old_bundles.bundle_of(name)) as classifier:
        rows = classifier.encode(classifier.encoder.completed(classifier.checked(old_bundles.rows_of(name))))
        feed = batch_of(classifier.encoder, rows, np.arange(len(rows)))
        file = classifier.path / classifier.model
    content, offset = file.read_bytes(), np.array([-0.2, 0.7])
    once = rescaled(content, 0.5, offset, file)
    back = rescaled(once, 2.0, -2.0 * offset, file)
    onnx.checker.check_model(onnx.load_from_string(once))
    assert len(back) == len(once)  # numbers change, nodes are added once
    p, q, r = (onnxruntime.InferenceSession(one).run(None, feed)[0] for one in (content, once, back))
    assert np.allclose(q, softmax(0.5 * logits_of(p) + offset), rtol=0, atol=1e-6)
    assert np.allclose(r, p, rtol=0, atol=1e-6)


def test_a_model_without_a_softmax_at_its_end_is_refused(tmp_path):
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    ports = [onnx.helper.make_tensor_value_info(name, 1, ["n", 2]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", ports[:1], ports[1:]))
    with pytest.raises(LimbeckError, match="does not end in a softmax"):
        rescaled(model.SerializeToString(), 1.0, np.zeros(2), tmp_path)


def test_labelled_rows_give_a_new_bundle_and_leave_the_old_one_as_it_was(bundles, tmp_path):
    parent = bundles()
    before = snapshot(parent)
    made = limbeck.recalibrate(parent, NEW, out=tmp_path / "new")
    assert snapshot(parent) == before
    with limbeck.load(parent) as old, limbeck.load(tmp_path / "new") as new:
        texts, y = NEW["text"].to_list(), (NEW["label"] == "1").to_numpy().astype(int)
        p, q = old.predict_proba(texts), new.predict_proba(texts)
        offset = np.array([made.offset[name] for name in new.classes])
        assert np.allclose(q, softmax(made.scale * logits_of(p) + offset), rtol=0, atol=1e-5)
        assert expected_calibration_error(y, q) <= expected_calibration_error(y, p) + 0.005
        stated = new.manifest.recalibrated
        assert (stated.parent, stated.parent_version) == (old.manifest.name, old.version)
        assert (stated.how, stated.rows) == ("labelled", len(NEW))
        assert new.version == made.version != old.version
        assert new.threshold == made.threshold
        assert new.manifest.temperature == pytest.approx(old.manifest.temperature / made.scale)
    card = (tmp_path / "new" / "README.md").read_text("utf-8")
    assert "## Recalibrated" in card
    assert old.version in card
    assert f"from a probability of {made.threshold:.4f} on, set by recalibration" in card
    stored, then = (json.loads((folder / "metrics.json").read_text("utf-8")) for folder in (tmp_path / "new", parent))
    assert stored["recalibrated"]["version"] == old.version
    assert stored["test"]["roc_auc"] == then["test"]["roc_auc"]
    assert "accuracy" not in stored["test"]
    assert stored["parent"] == then
    assert filecmp.cmp(tmp_path / "new" / "weights.safetensors", parent / "weights.safetensors")


def test_the_rows_are_among_those_that_the_new_bundle_has_seen(bundles, tmp_path):
    limbeck.recalibrate(bundles(), NEW, out=tmp_path / "new")
    assert len(read_seen(tmp_path / "new")) > len(read_seen(bundles()))
    assert limbeck.evaluate(tmp_path / "new", NEW, bootstrap=0)["seen"]["rows"] == len(NEW)
    with pytest.raises(LimbeckError, match="already learned from"):
        limbeck.recalibrate(tmp_path / "new", NEW, out=tmp_path / "newer")


def test_a_recalibrated_bundle_can_be_recalibrated(bundles, tmp_path):
    first, second = NEW[:200], NEW[200:]
    limbeck.recalibrate(bundles(), first, out=tmp_path / "one")
    limbeck.recalibrate(tmp_path / "one", second, out=tmp_path / "two", class_rates={"good": 0.3})
    with limbeck.load(tmp_path / "two") as two, limbeck.load(tmp_path / "one") as one, limbeck.load(bundles()) as old:
        assert two.manifest.recalibrated.parent_version == one.version
        texts = NEW["text"].to_list()
        z = logits_of(old.predict_proba(texts)) * old.manifest.temperature / two.manifest.temperature
        assert np.allclose(two.predict_proba(texts), softmax(z + two.manifest.offset), rtol=0, atol=1e-5)
        assert old.manifest.recalibrated is None
    assert (tmp_path / "two" / "README.md").read_text("utf-8").count("## Recalibrated") == 1


def test_normal_rows_hold_the_stated_rate_of_false_alarms_on_later_ones(bundles, tmp_path):
    normal = good_only()
    for rate in (0.05, 0.2):
        caught = []
        for seed in range(5):
            rows = normal.sample(fraction=1.0, shuffle=True, seed=seed)
            out = tmp_path / f"{rate}-{seed}"
            made = limbeck.recalibrate(bundles(), rows[:60], out=out, normal_only=True, false_alarms=rate)
            with limbeck.load(out) as classifier:
                names = classifier.predict(rows[60:]["text"].to_list())
                caught.append(np.mean([name == "good" for name in names]))
                assert made.threshold == limbeck.load(bundles()).threshold  # scores move, the threshold stays
        assert abs(np.mean(caught) - rate) < 0.05


def test_stated_class_rates_are_the_rates_of_the_answers(bundles, tmp_path):
    limbeck.recalibrate(bundles(), NEW.drop("label"), out=tmp_path / "new", class_rates={"good": 0.3})
    with limbeck.load(tmp_path / "new") as classifier:
        texts = NEW["text"].to_list()
        assert classifier.predict_proba(texts)[:, 1].mean() == pytest.approx(0.3, abs=1e-3)
        assert np.mean([name == "good" for name in classifier.predict(texts)]) == pytest.approx(0.3, abs=0.01)
        assert classifier.manifest.recalibrated.class_rates == pytest.approx({"bad": 0.7, "good": 0.3})


@pytest.mark.parametrize(
    ("rows", "options", "line"),
    [
        (good_only(), {}, "all 250 rows are of the class 'bad'; give rows of each class, or --normal-only"),
        (NEW[:1], {}, "all 1 rows are of the class"),
        (NEW, {"normal_only": True}, "250 of the 500 rows are not labelled 'bad'"),
        (good_only()[:12], {"normal_only": True}, "12 normal rows are too few .* 0.05; give 19 rows or more"),
        (NEW[:12], {"class_rates": {"good": 0.5}}, "12 rows are too few"),
        (NEW, {"class_rates": {"god": 0.5}}, "'god' is no class; did you mean 'good'"),
        (NEW, {"class_rates": {"good": 1.5}}, "the rate of 'good' is 1.5"),
        (NEW, {"class_rates": {"good": 0.5, "bad": 0.1}}, "they sum to 0.6"),
        (NEW, {"class_rates": {"good": 0.5}, "normal_only": True}, "only one of the two"),
        (NEW, {"false_alarms": 0.1}, "false_alarms is a share of normal rows"),
        (pl.DataFrame({"path": ["a.png"], "label": ["0"]}), {}, "text"),
        (pl.DataFrame(reviews(400)), {}, "already learned from"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(bundles, tmp_path, rows, options, line):
    before = snapshot(bundles())
    with pytest.raises(LimbeckError, match=line) as error:
        limbeck.recalibrate(bundles(), rows, out=tmp_path / "new", **options)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
    assert snapshot(bundles()) == before


def test_nothing_that_stands_already_is_replaced(own_bundle, tmp_path):
    for out in (own_bundle, tmp_path):
        with pytest.raises(LimbeckError, match="is there already"):
            limbeck.recalibrate(own_bundle, NEW, out=out)
    assert limbeck.recalibrate(own_bundle, NEW).bundle == tmp_path / "bundle-recalibrated"


@pytest.mark.parametrize("name", old_bundles.DETECTORS)
def test_detectors_take_normal_rows(name, tmp_path):
    rows = old_bundles.rows_of(name)
    frame = pl.DataFrame({"path": rows}) if isinstance(rows, list) else rows.drop("label")
    made = limbeck.recalibrate(old_bundles.bundle_of(name), frame, out=tmp_path / "new", normal_only=True,
                               false_alarms=0.5)  # fmt: skip
    with limbeck.load(tmp_path / "new") as new, limbeck.load(old_bundles.bundle_of(name)) as old:
        assert np.mean([label == new.classes[1] for label in new.predict(rows)]) <= 0.5
        assert read_manifest(tmp_path / "new").recalibrated.parent_version == old.version
    assert made.how == "normal-only"


def test_it_needs_neither_torch_nor_onnx(own_bundle, tmp_path):
    NEW.write_csv(tmp_path / "new.csv")
    code = """
import sys
for name in ("torch", "onnx", "sklearn", "scipy"): sys.modules[name] = None
import limbeck
print(limbeck.recalibrate(sys.argv[1], sys.argv[2], where={"split": "new"}).how)
"""
    assert python(code, own_bundle, tmp_path / "new.csv").stdout == "labelled\n"


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.sampled_from([2, 3, 5]), st.floats(0.3, 3.0))
def test_labels_drawn_from_changed_logits_give_the_change_back(seed, classes, scale):
    random = np.random.default_rng(seed)
    z, offset = random.normal(0, 2, (5000, classes)), random.normal(0, 0.5, classes)
    p = softmax(scale * z + offset)
    y = (random.random((len(p), 1)) > p.cumsum(axis=1)).sum(axis=1)
    found = from_labels(z, y)
    assert found.scale == pytest.approx(scale, rel=0.25)
    assert found.offset == pytest.approx(offset - offset.mean(), abs=0.25)


def test_rows_that_are_all_right_do_not_ask_for_certainty():
    z = np.array([[4.0, -4.0], [-4.0, 4.0]] * 10)
    found = from_labels(z, [0, 1] * 10)
    assert 0.5 < found.scale < 4


@given(st.integers(0, 2**31), st.floats(0.02, 0.5), st.integers(0, 100))
def test_a_conformal_cut_holds_its_rate_on_average(seed, rate, more):
    random = np.random.default_rng(seed)
    n = least_rows(rate) + more
    above = [np.mean(random.normal(size=200) > cut_of_normal(random.normal(size=n), rate)) for _ in range(200)]
    assert np.mean(above) <= rate + 4 * np.std(above) / 200**0.5 + 0.003
    with pytest.raises(LimbeckError, match="too few"):
        cut_of_normal(random.normal(size=least_rows(rate) - 1), rate)


@given(st.integers(0, 2**31), st.floats(0.05, 0.95))
def test_rates_are_matched(seed, rate):
    random = np.random.default_rng(seed)
    z = random.normal(0, 3, (400, 2))
    found = from_rates(z, [1 - rate, rate])
    assert found.applied(z)[:, 1].mean() == pytest.approx(rate, abs=1e-4)
    scores = z[:, 1] - z[:, 0]
    assert np.mean(scores > cut_by_rate(scores, rate)) == pytest.approx(rate, abs=0.005)
