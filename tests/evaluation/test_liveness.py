"""The rates of ISO/IEC 30107-3: counted one by one by a plain loop, and the threshold holds what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.errors import LimbeckError
from limbeck.metrics.measure import decide, measure
from limbeck.metrics.presentation_attacks import RATES, measure_liveness, threshold_at_apcer

CLASSES = ("live", "spoof")


def both(s, dtype=np.float64):
    s = np.asarray(s, dtype=dtype)
    return np.stack([1 - s, s], axis=1)


def made(seed=0, n=900, kinds=("mask", "photo", "screen")):
    """Return y, p and species: spoofs score high, screens less so."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.6).astype(int)
    species = rng.choice(kinds, n)
    z = rng.normal(size=n) + np.where(y == 1, np.where(species == kinds[-1], 1.0, 3.0), -1.5)
    return y, both(1 / (1 + np.exp(-z))), species


def by_hand(y, decided, species):
    """Count as the standard writes it: APCER of a species is 1 - (its attacks called attacks) / (its attacks)."""
    attacks = {str(kind) for kind in species[y == 1]}
    apcer = {kind: 1 - np.mean(decided[(y == 1) & (species == kind)] == 1) for kind in attacks}
    return apcer, float(np.mean(decided[y == 0] == 1)) if (y == 0).any() else float("nan")


def test_the_rates_are_those_of_the_standard():
    y, p, species = made()
    found = measure_liveness(y, p, CLASSES, bona_fide=0, threshold=0.4, species=species, bootstrap=0)
    apcer, bpcer = by_hand(y, decide(p, 0.4, 1), species)
    assert found["apcer_by_species"] == pytest.approx(apcer)
    assert found["apcer"] == pytest.approx(max(apcer.values()))
    assert found["apcer_species"] == "screen"
    assert found["bpcer"] == pytest.approx(bpcer)
    assert found["acer"] == pytest.approx((max(apcer.values()) + bpcer) / 2)
    assert found["presentations"] == {kind: int(((y == 1) & (species == kind)).sum()) for kind in sorted(apcer)}
    assert found["bona_fide_presentations"] == int((y == 0).sum())
    # BPCER is the false-positive rate where attacks are the positive class.
    assert found["bpcer"] == pytest.approx(measure(y, p, CLASSES, positive=1, threshold=0.4, bootstrap=0)["fpr"])


@st.composite
def presentations(draw):
    n = draw(st.integers(1, 60))
    levels = draw(st.sampled_from([3, 20, 10_000_000]))  # few levels: many ties, and scores of exactly 0 and 1
    scores = draw(st.lists(st.integers(0, levels), min_size=n, max_size=n))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    species = draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return np.array(y), both(np.array(scores) / levels, dtype), np.array(species)


@given(presentations(), st.sampled_from([0.01, 0.2, 0.5]), st.booleans())
def test_no_threshold_that_holds_the_level_refuses_fewer_bona_fide(rows, level, flipped):
    y, p, species = rows
    if flipped:  # the threshold is about the live class instead
        p = p[:, ::-1].copy()
    live = 0
    positive = 0 if flipped else 1
    cut = threshold_at_apcer(y, p, level, bona_fide=live, positive=positive, species=species)
    if not (y == 1).any():
        assert cut == 0.5
        return

    def rates(threshold):
        apcer, _ = by_hand(y, decide(p, threshold, positive), species)
        return max(apcer.values()), int((decide(p, threshold, positive)[y == 0] == 1).sum())

    worst, refused = rates(cut)
    assert worst <= level + 1e-12
    scores = np.unique(p[:, positive].astype(np.float64))
    others = [-1.0, 2.0, *scores, *np.nextafter(scores.astype(np.float32), np.float32(3)).tolist()]
    assert refused == min(count for apcer, count in map(rates, others) if apcer <= level + 1e-12)


@given(presentations())
def test_the_point_of_the_curve_is_what_its_threshold_does(rows):
    y, p, species = rows
    found = measure_liveness(y, p, CLASSES, bona_fide=0, species=species, bootstrap=0)
    if found["threshold_at_apcer_1"] is None:
        assert not (y == 1).any()
        return
    there = measure_liveness(
        y, p, CLASSES, bona_fide=0, species=species, bootstrap=0, threshold=found["threshold_at_apcer_1"]
    )
    assert there["apcer"] <= 0.01
    assert there["bpcer"] == found["bpcer_at_apcer_1"]


def test_which_class_the_threshold_is_about_changes_nothing_but_the_threshold():
    y, p, species = made(3)
    one = measure_liveness(y, p, CLASSES, bona_fide=0, positive=1, threshold=0.3, species=species, bootstrap=50)
    two = measure_liveness(y, p, CLASSES, bona_fide=0, positive=0, threshold=0.7, species=species, bootstrap=50)
    assert one["threshold_at_apcer_1"] == pytest.approx(1 - two["threshold_at_apcer_1"])
    one.pop("threshold_at_apcer_1"), two.pop("threshold_at_apcer_1")
    assert one == two
    # The order of the classes does not matter either.
    three = measure_liveness(1 - y, p[:, ::-1], CLASSES[::-1], bona_fide=1, positive=0, threshold=0.3, species=species,
                             bootstrap=50)  # fmt: skip
    three.pop("threshold_at_apcer_1")
    assert three == one


def test_intervals_hold_the_rate_and_are_wider_by_subject():
    y, p, species = made(1)
    rng = np.random.default_rng(5)
    subject = rng.integers(0, 30, len(y))
    # Some people are hard: their rows go wrong together.
    p = np.where((subject % 5 == 0)[:, None], 0.5 - (p - 0.5) * 0.2, p)
    given_ = {"bona_fide": 0, "threshold": 0.45, "species": species, "bootstrap": 400}
    rows, people = (measure_liveness(y, p, CLASSES, **given_, groups=groups) for groups in (None, subject))
    for found in (rows, people):
        for name in RATES:
            low, high = found["confidence_intervals"][name]
            assert low <= found[name] <= high, name
        for kind, (low, high) in found["confidence_intervals"]["apcer_by_species"].items():
            assert low <= found["apcer_by_species"][kind] <= high

    def width(found):
        low, high = found["confidence_intervals"]["bpcer"]
        return high - low

    assert width(people) > 1.3 * width(rows)


def test_no_error_among_few_is_no_certainty():
    y = np.array([0] * 40 + [1] * 30)
    p = both(y * 0.9 + 0.05)
    found = measure_liveness(y, p, CLASSES, bona_fide=0, bootstrap=50, species=["a"] * 60 + ["b"] * 10)
    spans = found["confidence_intervals"]
    assert found["apcer"] == found["bpcer"] == found["acer"] == 0
    assert spans["apcer_by_species"]["b"] == pytest.approx([0, 0.2775], abs=1e-3)  # Wilson, 0 of 10
    assert spans["apcer"] == spans["apcer_by_species"]["b"]
    assert spans["bpcer"] == pytest.approx([0, 0.0876], abs=1e-3)
    assert spans["acer"][1] == pytest.approx((0.2775 + 0.0876) / 2, abs=1e-3)
    # Thirty rows of two people are two presentations' worth.
    people = measure_liveness(y, p, CLASSES, bona_fide=0, bootstrap=50, groups=["x"] * 40 + ["y"] * 15 + ["z"] * 15)
    assert people["confidence_intervals"]["apcer"][1] == pytest.approx(0.6576, abs=1e-3)


def test_the_interval_of_the_worst_of_many_equal_species_holds_them():
    """The largest of twenty noisy rates is above all but one of them; resampling alone would move its interval up."""
    rng = np.random.default_rng(0)
    y = np.array([1] * 2000 + [0] * 200)
    p = both(np.where(rng.random(2200) < 0.1, 0.2, 0.8))
    species = [str(k % 20) for k in range(2200)]
    found = measure_liveness(y, p, CLASSES, bona_fide=0, species=species, bootstrap=300)
    low, high = found["confidence_intervals"]["apcer"]
    assert low < found["apcer"] < high


def test_what_was_not_presented_has_no_rate():
    p = both([0.1, 0.9, 0.8])
    live = measure_liveness([0, 0, 0], p, CLASSES, bona_fide=0, bootstrap=20)
    assert (live["apcer"], live["acer"], live["bpcer_at_apcer_1"], live["apcer_by_species"]) == (None, None, None, {})
    assert live["bpcer"] == pytest.approx(2 / 3)
    attacks = measure_liveness([1, 1, 1], p, CLASSES, bona_fide=0, bootstrap=20)
    assert attacks["apcer_by_species"] == pytest.approx({"spoof": 1 / 3})
    assert attacks["bpcer"] is attacks["acer"] is attacks["bpcer_at_apcer_1"] is None
    nobody = measure_liveness([], np.empty((0, 2)), CLASSES, bona_fide=0)
    assert nobody["apcer"] is nobody["bpcer"] is None
    assert nobody["confidence_intervals"] == {}


def test_a_worst_species_that_is_rare_counts_as_much_as_a_common_one():
    y = np.array([1] * 1010 + [0] * 500)
    species = ["photo"] * 1000 + ["mask"] * 10 + [""] * 500
    p = both(np.r_[np.full(1000, 0.9), np.full(10, 0.3), np.linspace(0, 0.5, 500)])
    found = measure_liveness(y, p, CLASSES, bona_fide=0, species=species, bootstrap=0)
    assert (found["apcer"], found["apcer_species"]) == (1.0, "mask")
    pooled = measure_liveness(y, p, CLASSES, bona_fide=0, bootstrap=0)
    assert pooled["apcer"] == pytest.approx(10 / 1010)
    assert found["bpcer_at_apcer_1"] == pytest.approx(0.4, abs=0.01)
    assert pooled["bpcer_at_apcer_1"] < 0.01


def test_it_says_what_it_cannot_judge():
    with pytest.raises(LimbeckError, match="has two classes, here are 3"):
        measure_liveness([0, 1, 2], np.eye(3), "abc", bona_fide=0)
    with pytest.raises(LimbeckError, match="1 species for 2 rows"):
        measure_liveness([0, 1], np.eye(2), CLASSES, bona_fide=0, species=["a"])


def test_many_rows_and_species_take_seconds():
    rng = np.random.default_rng(0)
    y, species = rng.integers(0, 2, 20_000), rng.integers(0, 10, 20_000).astype(str)
    found = measure_liveness(y, both(rng.random(20_000)), CLASSES, bona_fide=0, species=species, bootstrap=200)
    assert math.isfinite(found["acer"])
