"""The page says how far the teachers of a student can be trusted, in both languages, whatever the file holds."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from tests.evaluation.test_report import HOSTILE, Page, report
from tests.relevance.simulate import teachers
from tests.training.test_distil import THINGS, recipe, scenario_rows

import limbeck
from limbeck import relevance
from limbeck.data.tables.read import read
from limbeck.errors import LimbeckError
from limbeck.evaluation.evaluate import evaluate
from limbeck.evaluation.report import trust_chart as trust_picture
from limbeck.evaluation.report.page import render_report, write_report
from limbeck.evaluation.report.trust import checked, expectation, meaning, read_trust, weakest, with_labels
from limbeck.files import sha256
from limbeck.messages.message import both, message, stored
from limbeck.recipe import parse_recipe

# No file can hold a lone surrogate; it is refused.
WORDS = HOSTILE.replace("\ud800", "")
DOUBT = message("teachers.constant")
UNIFORM = message("teachers.few", count=3, enough=5)
WEIGHED = message("teachers.one_factor", count=7)
REVIEWED = message("teachers.reviewed", count=50)


def trust(K=5, classes=("negative", "positive"), names=None, notes=None, **changes):
    """A trust report as distillation makes it, of K teachers of growing skill."""
    P, _ = teachers(np.linspace(0.5, 2.0, K), 400, len(classes), seed=K)
    result = relevance.auto(P)
    estimate, recall = relevance.accuracy_estimate(P, result), relevance.accuracy_by_class(P, result)
    told = [
        {
            "name": names[k] if names else f"teacher {k}",
            "relevance": float(result.relevance[k]),
            "accuracy": float(estimate.estimate[k]),
            "interval": [float(estimate.low[k]), float(estimate.high[k])],
            "recall": {label: float(recall[k, c]) for c, label in enumerate(classes)},
            "decided": 80 + k,
            "flips_without": 0.0321 if K > 1 else None,
        }
        for k in range(K)
    ]
    return {
        "rows": 400,
        "teachers": told,
        "expected_accuracy": 0.871,
        "class_rates": dict.fromkeys(classes, 1 / len(classes)),
        "notes": list(result.notes) if notes is None else notes,
        "messages": stored(result.notes if notes is None else notes),
    } | changes


def test_the_section_holds_every_fact_in_both_languages():
    told = trust(notes=[WEIGHED, message("teachers.rates_from_answers", rates=[0.48, 0.52])])
    source = render_report(report(trust=told))
    page = Page(source)
    best, worst = told["teachers"][-1], told["teachers"][0]
    for word in (
        "Teacher reliability on these rows", "教师模型可信度评估", "Fine: the teachers", "结果可靠",
        "one-factor model", "已采用单因子模型", "0.48、0.52", "teacher 4", f"{best['relevance']:.3f}", "84", "21.0%",
        "3.2%", f"{100 * best['accuracy']:.1f}%", f"{100 * worst['interval'][0]:.1f}–{100 * worst['interval'][1]:.1f}%",
        f"{100 * best['recall']['positive']:.1f}%", "Expected class rates", "50.0%",
    ):  # fmt: skip
        assert word in page.text, word
    listed = re.findall(r'class="teacher"><bdi>(.*?)</bdi>', source)
    assert listed == [one["name"] for one in sorted(told["teachers"], key=lambda one: -one["relevance"])]
    assert len(page.all("svg")) == 8
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert "Teacher reliability" not in render_report(report())


def test_the_expected_accuracy_stands_beside_the_measured_one():
    told = checked(trust(expected_accuracy=0.87))
    metrics = {"n": 400, "accuracy": 0.88, "confidence_intervals": {"accuracy": [0.85, 0.91]}}
    english, chinese = both(expectation(told, metrics, "test"))
    assert english == (
        "Expected 87.0% without labels, for the teachers' joined answer; measured 88.0% on 400 labelled test rows, "
        "for the student; within its 95% interval that is as expected."
    )
    assert chinese == (
        "不用标签的预期准确率为 87.0%（教师模型的联合回答）；在 400 个带标签的测试样本上实测 88.0%（学生模型）；"
        "在 95% 区间内与预期相符。"
    )
    low = metrics | {"accuracy": 0.72, "confidence_intervals": {"accuracy": [0.68, 0.76]}}
    assert expectation(told, low).endswith(
        "on 400 labelled rows, for the student; that is 15.0 points less than expected."
    )
    assert expectation(told, {"n": 0, "accuracy": None}).endswith("there is no labelled row to measure by.")
    reviewed = checked(trust(notes=[UNIFORM, REVIEWED]))
    assert expectation(reviewed, metrics).startswith("Expected 87.1% with the reviewed labels")
    assert "could be estimated" in expectation(checked(trust(expected_accuracy=None)), metrics)


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ([WEIGHED], "weighed"),
        ([UNIFORM], "uniform"),
        ([DOUBT], "doubt"),
        ([WEIGHED, message("teachers.no_common_answer")], "doubt"),
        ([DOUBT, REVIEWED], "corrected"),
        ([message("teachers.one")], "alone"),
        ([message("teachers.one_with_labels")], "beside"),
        ([], "unjudged"),
        (["A sentence of 0.1.0."], "unread"),
        ([WEIGHED, "A sentence of 0.1.0."], "weighed"),
    ],
)
def test_the_notes_decide_the_verdict(notes, said):
    assert meaning(notes) == said
    page = Page(render_report(report(trust=trust(notes=notes))))
    evaluated = [attrs["class"] for attrs in page.all("p") if "judged" in attrs.get("class", "")]
    assert evaluated == [f"judged {said}"]


def test_what_labels_say_of_the_teachers_is_shown_where_they_were_asked():
    told = trust(calibration={"expected": 0.0213}, measured={"accuracy": 0.861, "rows": 1234})
    for k, teacher in enumerate(told["teachers"]):
        teacher["measured_accuracy"] = None if k == 0 else 0.6789
    source = render_report(report(trust=told))
    assert source.count('class="ring"') == len(told["teachers"]) - 1 + 1  # and that of the DET curve
    page = Page(source)
    for word in (
        "86.1% of 1,234 rows",
        "off by 2.1 points",
        "联合回答本身在 1,234 个样本上的准确率为 86.1%",
        "67.9%",
        "实测准确率",
    ):
        assert word in page.text, word
    assert with_labels(checked(trust())) is None
    assert "Measured accuracy" not in Page(render_report(report(trust=trust()))).text


@pytest.mark.parametrize("K", [1, 2, 16, 17, 64])
def test_the_picture_has_a_row_for_each_teacher(K):
    names = [WORDS if k == 0 else f"一个名字很长的教师模型 with a long name {k}" for k in range(K)]
    told = trust(K, names=names)
    told["teachers"][-1] |= {"accuracy": None, "interval": [None, None], "relevance": None}
    drawing = trust_picture.teachers(checked(told))
    root = ElementTree.fromstring(drawing)
    assert "nan" not in drawing
    circles = [part for part in root.iter() if part.tag.endswith("circle")]
    assert len(circles) == K - 1
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for part in root.iter():
        for key, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(part.attrib.get(key, 0)) <= most


def test_many_classes_show_the_weakest_only():
    classes = tuple(f"class {c}" for c in range(12))
    told = trust(classes=classes)
    told["teachers"][0]["recall"] |= {"class 7": 0.0123, "class 3": None}
    page = Page(render_report(report(classes, trust=told)))
    assert "Lowest recall" in page.text
    assert "1.2%" in page.text
    assert weakest(checked(told).teachers[0])[0] == ("class 7", 0.0123)


def test_hostile_words_are_inert():
    told = trust(
        names=[WORDS] * 5,
        classes=("ok", WORDS),
        notes=[WORDS, message("teachers.copies", teachers=[WORDS, 0])],
    )
    clean, source = Page(render_report(report(trust=trust()))), render_report(report(trust=told))
    page = Page(source)
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert "49" not in re.findall(r"\{\{.*?\}\}", source)
    assert not re.search("[\u0000-\u0008\u202a-\u202e\u2066-\u2069\ud800-\udfff]", source)
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("rows", -1), ("rows", "400"), ("rows", 10**400), ("rows", True), ("teachers", []), ("teachers", {"a": 1}),
        ("teachers", [{}]), ("teachers", None), ("expected_accuracy", 1.5), ("expected_accuracy", "<b>"),
        ("class_rates", [0.5]), ("class_rates", {"a": 2}), ("notes", "a sentence"), ("notes", [1]),
        ("notes", ["x"] * 1000), ("teachers.0.name", "\ud800"),
        ("calibration", 0.1), ("measured", {"accuracy": 0.5}), ("measured", {"accuracy": 0.5, "rows": -2}),
        ("teachers.0.interval", [0.5]), ("teachers.0.interval", [0.1, 0.2, 0.3]), ("teachers.0.interval", None),
        ("teachers.0.recall", [0.5]), ("teachers.0.relevance", 1e300), ("teachers.0.decided", 0.5),
        ("teachers.0.measured_accuracy", "1"), ("teachers.0.name", 7),
    ],
)  # fmt: skip
def test_a_damaged_report_is_refused_by_its_entry(where, value):
    told = trust()
    place, *_, key = (told, where) if "." not in where else (told["teachers"][0], where.rpartition(".")[2])
    place[key] = value
    with pytest.raises(LimbeckError, match=f"trust: damaged: {where.replace('.', '[.]')}") as refused:
        render_report(report(trust=told))
    assert "\n" not in str(refused.value)
    assert "<b>" not in str(refused.value)


def test_numbers_that_are_none_become_unknown():
    told = trust()
    told["teachers"][0] |= {"accuracy": float("nan"), "interval": [float("nan")] * 2, "recall": {"a": float("inf")}}
    assert checked(told).teachers[0].accuracy is None
    source = render_report(report(trust=told))
    assert "nan" not in Page(source).text.split()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not valid JSON"), (b"\xff\xfe", "not valid JSON"), (b"[1]", "not a JSON object"), (b"{}", "rows"),
        (b"[" * 100_000, "not valid JSON"), (b" " * (33 * 2**20), "far too large"), (None, "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_report_is_named(tmp_path, data, words):
    assert read_trust(tmp_path) is None
    file = tmp_path / "trust.json"
    file.write_bytes(data) if data is not None else file.mkdir()
    with pytest.raises(LimbeckError, match=words) as refused:
        read_trust(tmp_path)
    assert str(refused.value).startswith(str(file))


@pytest.fixture(scope="module")
def cold(tmp_path_factory):
    """A bundle that was distilled without labels, and a table of labelled rows for it."""
    place = tmp_path_factory.mktemp("cold")
    rows = scenario_rows()
    lines = [",".join(f'"{row[name]}"' for name in rows[0]) for row in rows]
    (place / "rows.csv").write_text("\n".join([",".join(rows[0]), *lines]), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIMBECK_HOME", str(place / "home"))
        limbeck.train(parse_recipe(recipe()), data=place, out=place / "bundle")
    frame = read(place / "rows.csv").frame
    frame.filter((frame["domain"] == "水果") & (frame["split"] == "test")).drop("split").write_csv(place / "test.csv")
    return place


def test_a_distilled_bundle_comes_with_the_section_and_a_card(cold):
    text = Page((cold / "bundle" / "report.html").read_text("utf-8")).text
    assert "labelled test rows, for the student" in text
    expected = json.loads((cold / "bundle" / "trust.json").read_text("utf-8"))["expected_accuracy"]
    assert f"Expected {100 * expected:.1f}% without labels" in text
    card = (cold / "bundle" / "README.md").read_text("utf-8")
    assert "Distilled from 6 teachers, asked about 64 rows: " in card
    assert all(f"`{name}`" in card for name in set(THINGS) - {"水果"})
    assert f"Expected accuracy of the joined answer: {expected:.4f}, estimated without labels" in card


def test_evaluate_shows_it_too_and_goes_without_a_damaged_one(cold, tmp_path):
    evaluate(cold / "bundle", cold / "test.csv", report=tmp_path / "r.html", bootstrap=0)
    assert "Teacher reliability on these rows" in (tmp_path / "r.html").read_text("utf-8")
    bundle = tmp_path / "bundle"
    shutil.copytree(cold / "bundle", bundle)
    (bundle / "trust.json").write_text('{"rows": "<b>", "teachers": 3}', "utf-8")
    manifest = json.loads((bundle / "bundle.json").read_text("utf-8"))
    manifest["files"]["trust.json"] = sha256(bundle / "trust.json")  # whoever made the file can make this, too
    (bundle / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    evaluate(bundle, cold / "test.csv", report=tmp_path / "bad.html", bootstrap=0)
    text = Page((tmp_path / "bad.html").read_text("utf-8")).text
    assert "Teacher reliability on these rows" not in text
    assert "The trust report is left out." in text
    assert "未显示教师模型的可信度" in text


@pytest.mark.browser
def test_in_a_browser_64_teachers_with_long_names_overflow_nowhere(tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = [
        ("HOTEL REVIEWS OF LAST YEAR " * 3, "字" * 40, "http://teacher.example:8080/v2/models/sentiment/infer")[k % 3]
        for k in range(64)
    ]
    write_report(tmp_path / "r.html", report(trust=trust(64, names=names)))
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    args = [*flags.split(), "--disable-component-update", "--disable-sync"]
    inside = """() => [...document.querySelectorAll("section[aria-labelledby=trust] svg text")].every(one => {
        const box = one.getBoundingClientRect(), frame = one.closest("svg").getBoundingClientRect();
        return !box.width || (box.left >= frame.left - 1 && box.right <= frame.right + 1);
    })"""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=args)
        page = browser.new_page()
        page.goto((tmp_path / "r.html").as_uri())
        for language in ("English", "中文"):
            page.locator("label", has_text=language).click()
            for width in (320, 390, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.evaluate(inside)
        browser.close()
