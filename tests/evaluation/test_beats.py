"""The worst beats on the standard grid, and what drove the decision, in both languages."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import limbeck
from limbeck.kinds.signal.beat_figures import HEIGHT, MM, SPEED, beat_figures, draw, drives
from limbeck.kinds.signal.columns import BEAT, RHYTHM
from limbeck.kinds.signal.report import drawing, pages
from signals import records, signal_recipe


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of hearts and a bundle that knows them."""
    folder = records(tmp_path_factory.mktemp("hearts"))
    out = tmp_path_factory.mktemp("made") / "bundle"
    leaks = {"split": {"valid": 0.2, "test": 0.3, "group": "beat"}}
    limbeck.train(signal_recipe(data=leaks, training={"epochs": 4}), data=folder, out=out)
    return folder, out


@pytest.fixture(scope="module")
def rows(made):
    from limbeck.evaluation.evaluate import labelled

    with limbeck.load(made[1]) as classifier:
        return labelled(classifier, made[0])


def test_occlusion_finds_the_wide_wave_of_a_ventricular_beat(made, rows):
    with limbeck.load(made[1]) as classifier:
        at = [place for place, symbol in enumerate(rows.frame["symbol"]) if symbol == "V"][:4]
        frame = rows.frame[at]
        p = classifier.predict_proba(frame)
        found = drives(classifier, frame, [1] * len(at))
        for drive, row in zip(found, p, strict=True):
            assert drive.stretches.shape == (1, 12)
            assert max(drive.stretches.max(), drive.rhythm) > 0.02 or row[1] > 0.999
        lone = drives(classifier, frame.drop(BEAT, RHYTHM, "rr_before", "rr_after"), [1] * len(at))
        assert all(drive.rhythm == pytest.approx(0.0, abs=1e-6) for drive in lone)


def test_the_grid_is_25_mm_a_second_and_10_mm_a_millivolt(made, rows):
    with limbeck.load(made[1]) as classifier:
        figures = beat_figures(classifier, rows.frame, [3], [1] * rows.frame.height, {3: "a"})
    drawn = ET.fromstring(figures[0]["drawing"])
    across = [line for line in drawn.iter("line") if line.get("x1") == line.get("x2")]
    steps = np.diff([float(line.get("x1")) for line in across])
    assert np.allclose(steps, MM, atol=0.11)  # written with one digit
    bold = [line for line in across if line.get("class") == "paper-bold"]
    assert np.allclose(np.diff([float(line.get("x1")) for line in bold]), 5 * MM, atol=0.11)
    trace = next(line for line in drawn.iter("polyline") if line.get("class") == "trace")
    points = np.array([[float(part) for part in point.split(",")] for point in trace.get("points").split()])
    rate = 120
    assert np.allclose(np.diff(points[:, 0]), SPEED * MM / rate, atol=0.11)
    window = rows.frame["signal"].to_numpy()[3, 0]
    assert np.ptp(points[:, 1]) == pytest.approx(np.ptp(window) * HEIGHT * MM, abs=0.5)


def test_two_leads_are_drawn_one_below_the_other():
    from limbeck.kinds.signal.beat_figures import Drive

    window = np.stack([np.sin(np.linspace(0, 6, 84)), np.cos(np.linspace(0, 6, 84))]).astype(np.float32)
    drawn = ET.fromstring(draw("beat-0", window, window, 120.0, 36, Drive(np.full((2, 12), 0.1), -0.2)))
    assert len(list(drawn.iter("polyline"))) == 4
    assert "drove" in {box.get("class") for box in drawn.iter("rect")}


def test_the_report_says_all_this_in_both_languages(made):
    page = (made[1] / "report.html").read_text("utf-8")
    for words in ("Operating points", "工作点", "the figures leak", "指标存在泄漏", "NPV", "阴性预测值"):
        assert words in page, words
    assert "<script" not in page


def test_the_worst_beats_are_in_the_page_of_an_evaluation(made, tmp_path, rows):
    with limbeck.load(made[1]) as classifier:
        p = np.full((len(rows.labels), 2), 0.5, dtype=np.float32)
        p[np.arange(len(p)), 1 - rows.labels] = 0.6  # all wrong
        found = pages(classifier, rows.frame, rows.labels, p)
    assert len(found["beats"]) == 6
    assert all(re.match(r"record h\d at [\d.]+ s: ", one["caption"]) for one in found["beats"])
    result = limbeck.evaluate(made[1], made[0], report=tmp_path / "r.html", group="patient")
    known = result["seen"]  # 70 % of the beats were train and valid, and are known by their samples
    assert 0.6 < known["rows"] / known["of"] < 0.8 and "too optimistic" in result["warnings"][0]
    assert {"sensitivity", "specificity", "ppv", "npv"} <= set(result["operating"][0])
    assert result["n"] == rows.frame.height


def test_one_beat_of_a_file_is_drawn_for_who_reviews_it(made):
    folder, out = made
    file = sorted(folder.glob("*.hea"))[0]
    with limbeck.load(out) as classifier:
        manifest = classifier.manifest
    found = drawing(file, 2, manifest)
    assert found is not None and drawing(file, 10_000, manifest) is None
    root = ET.fromstring(found)
    settings = manifest.input.signal
    traces = [line for line in root.iter("polyline") if line.get("class") == "trace"]
    assert len(traces) == len(settings.leads)
    assert len(traces[0].get("points").split()) == settings.samples
    assert float(root.get("viewBox").split()[2]) == pytest.approx(
        settings.samples / settings.rate * SPEED * MM + 12, abs=1
    )
    assert "style" not in found
