"""Prediction sets hold the true class as often as they say."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import limbeck
import old_bundles
from limbeck.errors import LimbeckError
from limbeck.metrics.fitted.conformal import LEAST, LEVELS, fit_sets, members, nonconformity
from small import reviews

NEW = pl.DataFrame([{**row, "split": "new"} for row in reviews(1400, seed=7)[400:]])


def drawn(random, n, classes, sharpness=2.0):
    """Calibrated probabilities float [n, classes] and labels."""
    z = sharpness * random.normal(size=(n, classes))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return p, (random.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.sampled_from([2, 3, 6]), st.sampled_from([0.6, 0.8, 0.9, 0.95]))
def test_every_class_is_covered_as_stated_on_average(seed, classes, coverage):
    random = np.random.default_rng(seed)
    at, shares = LEVELS.index(coverage), []
    for _ in range(40):
        fitted = fit_sets(*drawn(random, 300, classes))
        p, y = drawn(random, 300, classes)
        inside = members(p, fitted.thresholds[:, at], fitted.score)
        shares.append([inside[y == k, k].mean() for k in range(classes)])
    mean, error = np.mean(shares, axis=0), np.std(shares, axis=0) / 40**0.5
    assert (mean > coverage - 4 * error).all()
    assert (mean < coverage + 0.03 + 4 * error).all()


def test_soft_labels_give_what_many_labels_drawn_from_them_give():
    random = np.random.default_rng(0)
    p, _ = drawn(random, 4000, 3)
    many = np.concatenate([(random.random((4000, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2) for _ in range(20)])
    soft, hard = fit_sets(p, p), fit_sets(np.tile(p, (20, 1)), many)
    assert np.abs(soft.thresholds - hard.thresholds).max() < 0.03


def test_classes_with_few_rows_share_a_threshold_and_too_few_rows_give_none():
    random = np.random.default_rng(0)
    p, y = drawn(random, 600, 4)
    rare = np.flatnonzero(y >= 2)
    kept = np.setdiff1d(np.arange(600), rare[50:])
    fitted = fit_sets(p[kept], y[kept])
    assert fitted.pooled.tolist() == [False, False, True, True]
    assert (fitted.thresholds[2] == fitted.thresholds[3]).all()
    assert fit_sets(p[: LEAST - 1], y[: LEAST - 1]) is None


def test_the_most_probable_class_fits_best_by_either_score():
    p = np.array([[0.6, 0.3, 0.1]])
    assert nonconformity(p, "lac") == pytest.approx(np.array([[0.4, 0.7, 0.9]]))
    assert nonconformity(p, "aps") == pytest.approx(np.array([[0.6, 0.9, 1.0]]))


def test_a_bundle_gives_sets_that_hold_the_true_class(bundles):
    with limbeck.load(bundles()) as classifier:
        texts, names = NEW["text"].to_list(), [("bad", "good")[int(label)] for label in NEW["label"]]
        for coverage in (0.8, 0.9):
            sets = classifier.predict_sets(texts, coverage=coverage)
            share = np.mean([name in found for name, found in zip(names, sets, strict=True)])
            assert coverage - 0.08 < share < coverage + 0.08  # 80 calibration rows
        likely = [classifier.classes[k] for k in classifier.predict_proba(texts).argmax(axis=1)]
        assert all(found[0] == name for name, found in zip(likely, sets, strict=True) if len(found) == 2)
        assert classifier.predict_sets(["物流很快", ""], unreadable="nan")[1] is None
        for wrong in (0.0, 0.999):
            with pytest.raises(LimbeckError, match="no prediction sets of coverage"):
                classifier.predict_sets(texts, coverage=wrong)


def test_predict_writes_a_column_of_sets_from_files_and_from_memory(bundles, tmp_path):
    NEW.write_csv(tmp_path / "new.csv")
    limbeck.predict(bundles(), tmp_path / "new.csv", tmp_path / "answers.csv", sets=0.95)
    written = pl.read_csv(tmp_path / "answers.csv").fill_null("")
    assert written.columns[-1] == "set"
    found = limbeck.predict(bundles(), NEW, sets=0.95)
    with limbeck.load(bundles()) as classifier:
        wanted = ["|".join(names) for names in classifier.predict_sets(NEW["text"].to_list(), coverage=0.95)]
    assert found["set"].to_list() == written["set"].to_list() == wanted
    assert "set" not in limbeck.predict(bundles(), NEW).columns
    assert limbeck.predict(bundles(), NEW, columns=["set", "id"], sets=0.95).columns == ["set", "id"]


def test_metrics_report_and_evaluation_tell_the_coverage(bundles):
    stored = json.loads((bundles() / "metrics.json").read_text("utf-8"))
    assert set(stored["test"]["sets"]) == {"stated", "coverage", "by_class", "size", "empty"}
    assert any(one and one["code"] == "evaluation.sets" for one in stored["messages"])
    found = limbeck.evaluate(bundles(), NEW, group="domain", bootstrap=0)
    assert found["sets"]["coverage"] == pytest.approx(0.9, abs=0.08)
    assert found["sets"]["worst_coverage"] <= found["sets"]["coverage"]
    assert any("Their coverage is lowest in the group" in line for line in found["findings"])


def test_labelled_recalibration_fits_the_sets_anew_and_any_other_drops_them(bundles, tmp_path):
    limbeck.recalibrate(bundles(), NEW[:300], out=tmp_path / "a")
    limbeck.recalibrate(bundles(), NEW[:300], out=tmp_path / "b", class_rates={"good": 0.5})
    with limbeck.load(tmp_path / "a") as labelled, limbeck.load(tmp_path / "b") as rates:
        assert labelled.manifest.sets.source == "recalibration"
        with pytest.raises(LimbeckError, match="no thresholds of prediction sets; train it again, or recalibrate"):
            rates.predict_sets(["物流很快"])


def test_bundles_of_0_1_0_have_no_sets():
    with pytest.raises(LimbeckError, match="no thresholds of prediction sets"):
        limbeck.load(old_bundles.bundle_of("text-ngram")).predict_sets(["物流很快"])
