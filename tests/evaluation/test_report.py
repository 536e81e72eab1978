"""The page holds what it was given, in two languages, offline, and text from data is inert in it."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.evaluation.report import charts as pictures
from limbeck.evaluation.report.headline import ELSEWHERE, verdict
from limbeck.evaluation.report.page import Report, render_report, write_report
from limbeck.messages.escape import inert, shorten
from limbeck.messages.labels import pair
from limbeck.messages.message import both, message
from limbeck.messages.words import pairs_named, part
from limbeck.metrics.confusions import top_confusions
from limbeck.metrics.measure import NAMES, measure
from limbeck.metrics.paired import compare
from limbeck.metrics.slices import worst_slices

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202egnp\u2066.exe\u0000\ud800 {{ 7*7 }}"
VOID = {"meta", "input", "br", "link", "img"}


class Page(HTMLParser):
    """Tags, their attributes and visible text; fails on tags that do not close in order."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.stack, self.text = [], [], ""
        self.feed(source)
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] != "style":
            self.text += data + " "

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def report(classes=("negative", "positive"), n=400, **changes):
    rng = np.random.default_rng(0)
    c = len(classes)
    y = rng.integers(0, c, n)
    z = rng.normal(size=(n, c)) + 2 * np.eye(c)[y]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    told = {
        "title": "Reviews",
        "metrics": measure(y, p, classes, bootstrap=100),
        "y": y,
        "p": p,
        "facts": {"network": "gru", "seed": 0, "int8": True, "speed": 1.5, "teachers": ["a", "b"], "own": {"k": 1}},
        "baselines": [{"name": "TF-IDF + linear SVM", "accuracy": 0.5, "macro_f1": 0.5, "roc_auc": None}],
        "slices": worst_slices(y, p.argmax(axis=1), {"domain": [None, "fruit"] * (n // 2)}, rng.integers(1, 90, n)),
        "worst": [{"row": 7, "text": "so so", "true": classes[0], "predicted": classes[1], "probability": 0.98}],
        "findings": ["plain words", ("two rows dropped", "删去两行")],
        "comparison": compare(y, {"old": p[::-1], "new": p}, {}, classes, bootstrap=50),
        "export": {"largest_difference": 1e-6, "flipped": 0},
        "history": [{"epoch": e, "train_loss": 1 / (e + 1), "valid_macro_f1": 0.5 + e / 20} for e in range(5)],
    }
    return Report(**(told | changes))


@pytest.fixture(scope="module")
def page():
    return Page(render_report(report()))


def test_everything_given_is_on_the_page_in_both_languages(page):
    for word in ("so so", "98.0%", "two rows dropped", "删去两行", "TF-IDF + linear SVM", "fruit", "gru", "a, b"):
        assert word in page.text
    for key in (*NAMES, "confusion", "det", "calibration", "worst_rows", "slices", "export", "findings"):
        for word in pair(key):
            assert word in page.text, word


def test_it_is_accessible_and_offline(page):
    pictures_ = page.all("svg")
    assert len(pictures_) == 7
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for attrs in pictures_:
        assert attrs["role"] == "img"
        assert set(attrs["aria-labelledby"].split()) <= set(ids)
    tables = page.all("table")
    assert len(page.all("caption")) == len(tables) >= 6
    assert all("scope" in attrs for attrs in page.all("th"))
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form"}
    for _, attrs in page.tags:
        assert not {"style", "src", "href"} & set(attrs)
        assert not [name for name in attrs if name.startswith("on")]


def test_the_content_policy_names_the_only_style_sheet():
    source = render_report(report())
    css = re.search(r"<style>(.*?)</style>", source, re.DOTALL).group(1)
    policy = next(a["content"] for a in Page(source).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert base64.b64encode(hashlib.sha256(css.encode()).digest()).decode() in policy
    assert "url(" not in css
    assert "@import" not in css


def test_text_from_data_is_inert_wherever_it_comes_in():
    clean = Page(render_report(report()))
    dirty = report(
        classes=("ok", HOSTILE),
        title=HOSTILE,
        facts={HOSTILE: HOSTILE, "data": [HOSTILE], "own": {HOSTILE: HOSTILE}},
        baselines=[{"name": HOSTILE, "accuracy": 0.1}],
        slices=worst_slices([0, 1] * 50, [0, 0] * 50, {HOSTILE: [HOSTILE, "b"] * 50}),
        worst=[{"row": HOSTILE, "text": HOSTILE, "true": HOSTILE, "predicted": HOSTILE, "probability": 1.0}],
        findings=[HOSTILE, (HOSTILE, HOSTILE)],
        export={HOSTILE: HOSTILE},
        history=[{"epoch": 0, HOSTILE + "loss": 1.0}, {"epoch": 1, HOSTILE + "loss": 0.5}],
    )
    y = np.asarray(dirty.y)
    told = compare(y, {HOSTILE: np.asarray(dirty.p)[::-1], "new": dirty.p}, {}, ("ok", HOSTILE), bootstrap=20)
    dirty = Report(**{**dirty.__dict__, "comparison": told})
    source = render_report(dirty)
    page = Page(source)
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert "<script>alert(1)</script>" in page.text  # shown as text
    assert "49" not in re.findall(r"\{\{.*?\}\}", source)
    assert not re.search("[\u0000-\u0008\u202a-\u202e\u2066-\u2069\ud800-\udfff]", source)
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]


def test_inert_shows_what_would_hide():
    assert inert("a\u202eb") == "a⟨202E⟩b"
    assert inert("a\n\tb   c") == "a b c"
    assert inert("👩\u200d👩") == "👩\u200d👩"
    assert inert("x" * 400, 10) == "x" * 10 + "…"
    assert shorten("speed limit 30", 10) == "speed…t 30"
    assert shorten("一二三四五六七八", 8) == "一二…八"
    assert shorten("short", 10) == "short"


@pytest.mark.parametrize(
    "classes", [("a", "b", "c"), tuple(f"class {k}" for k in range(12)), tuple("x" * (k + 1) for k in range(43))]
)
def test_pictures_are_well_formed_for_any_number_of_classes(classes):
    told = report(classes)
    y, p, m = told.y, told.p, told.metrics
    for drawing in (
        pictures.roc(y, p, classes, None, 0.5),
        pictures.precision_recall(y, p, classes, None, 0.5),
        pictures.det(y, p, classes, None),
        pictures.calibration(y, p),
        pictures.confusion(m["confusion"], classes),
    ):
        ElementTree.fromstring(drawing)
        assert "nan" not in drawing
        assert len(drawing) < 400_000


def test_odd_inputs_still_make_a_page(tmp_path):
    p = np.array([[0.9, 0.1]] * 4)
    for n in (0, 1, 4):
        m = measure([0] * n, p[:n], ("a", "b"), bootstrap=10)
        Page(render_report(Report("t", m, [0] * n, p[:n])))
    perfect = measure([0, 1], np.eye(2), ("a", "b"), bootstrap=10)
    assert "nan" not in render_report(
        Report("t", perfect, [0, 1], np.eye(2), history=[{"epoch": 0, "train_loss": 0.0}])
    )
    with pytest.raises(LimbeckError, match="no report in the language 'fr'"):
        write_report(tmp_path / "r.html", report(), lang="fr")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_whole_and_opens_in_the_language_asked_for(tmp_path):
    write_report(tmp_path / "deep" / "r.html", report(), lang="zh")
    page = Page((tmp_path / "deep" / "r.html").read_text("utf-8"))
    assert page.all("html")[0]["lang"] == "zh-Hans"
    assert [attrs["id"] for attrs in page.all("input") if "checked" in attrs] == ["zh"]


def test_the_verdict_says_how_good_against_what_and_how_calibrated():
    m = {"n": 12000, "accuracy": 0.942, "ece": 0.012, "confidence_intervals": {"accuracy": [0.938, 0.946]}}
    english, chinese = both(verdict(m, [{"name": "SVM", "accuracy": 0.911}]))
    assert english == (
        "Accuracy 94.2% on 12,000 rows (95% 93.8 to 94.6); 3.1 points above the baseline SVM; "
        "its probabilities are well calibrated (off by 1.2 points on average)."
    )
    assert chinese == (
        "在 12,000 个样本上准确率为 94.2%（95% 区间 93.8 至 94.6）；比基线 SVM 高 3.1 个百分点；"
        "概率校准良好，可直接使用（平均偏差 1.2 个百分点）。"
    )
    assert "no clear difference" in verdict(m, [{"name": "SVM", "accuracy": 0.94}])
    assert "2.8 points below" in verdict(m, [{"name": "SVM", "accuracy": 0.97}])
    assert "its probabilities are poorly calibrated (off by 20.0 points on average)" in verdict(m | {"ece": 0.2})
    spans = m["confidence_intervals"] | {"ece": [0.008, 0.017]}
    told = both(verdict(m | {"confidence_intervals": spans}))
    assert told[0].endswith("(off by 1.2 points on average, 95% 0.8 to 1.7).")
    assert told[1].endswith("（平均偏差 1.2 个百分点，95% 区间 0.8 至 1.7）。")
    assert both(verdict({"n": 0, "accuracy": None}))[1] == "没有可供评估的样本。"


@pytest.mark.parametrize(
    ("right", "baseline", "told"),
    [
        (0.58, 0.36, "6.0 points below always answering “N”"),
        (0.65, 0.36, "no clear difference from always answering “N” (+1.0 points)"),
        (0.80, 0.36, "44.0 points above the baseline trees"),
        (0.80, 0.86, "6.0 points below the baseline trees"),
        (0.58, None, "6.0 points below always answering “N”"),
        (0.80, None, "its probabilities"),
    ],
)
def test_nothing_is_praised_that_always_answering_one_class_reaches(right, baseline, told):
    """A baseline may fail (boosting on a class of six rows); what it fails to reach is no merit."""
    classes = {"N": {"support": 640}, "V": {"support": 354}, "Q": {"support": 6}}
    spans = {"accuracy": [right - 0.03, right + 0.03]}
    m = {"n": 1000, "accuracy": right, "ece": 0.1, "confidence_intervals": spans, "per_class": classes}
    rows = [] if baseline is None else [{"name": "trees", "accuracy": baseline}]
    assert verdict(m, rows).split("; ")[1].startswith(told)
    assert "always" not in verdict(m, rows, detector=True)


def test_of_many_classes_the_most_frequent_errors_are_named():
    classes = [f"sign {k}" for k in range(43)]
    table = np.diag(np.full(43, 50))
    table[7, 9], table[9, 7], table[3, 40] = 12, 20, 1
    assert top_confusions(table, classes) == [
        {"true": "sign 9", "predicted": "sign 7", "n": 20, "share": 20 / 70},
        {"true": "sign 7", "predicted": "sign 9", "n": 12, "share": 12 / 62},
        {"true": "sign 3", "predicted": "sign 40", "n": 1, "share": 1 / 51},
    ]
    assert top_confusions(table[:10, :10], classes[:10]) == []  # a matrix of ten is read as it is drawn
    shown = Page(render_report(report(classes, n=2000)))
    assert "Most frequent errors" in shown.text and "最常见的错误" in shown.text


def test_findings_that_call_for_a_look_come_first_and_in_red():
    lines = [
        message("data.exact_dropped", count=5, part=part("train")),
        message("data.near_leak", count=3, total=90, share=3 / 90, rows=pairs_named([(1, 2)])),
    ]
    page = render_report(report(findings=lines))
    assert page.index('class="findings grave"') < page.index("of another part") < page.index("exact duplicates dropped")
    assert 'class="findings grave"' not in render_report(report(findings=lines[:1]))


def test_counts_have_separators():
    page = Page(render_report(report(facts={"parameters": 2301, "train rows": 1541})))
    assert "2,301" in page.text and "1,541" in page.text
    y, p = np.repeat([0, 1], 3000), np.tile([0.9, 0.1], (6000, 1))
    assert "3,000" in Page(render_report(Report("t", measure(y, p, ("a", "b"), bootstrap=0), y, p))).text


@pytest.mark.browser
def test_in_a_browser_the_language_switches_without_scripts_and_nothing_overflows(tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    long = "字" * 400 + "w" * 400
    write_report(
        tmp_path / "r.html",
        report(title="T" * 90, worst=[{"row": 1, "text": long, "true": "a", "predicted": "b", "probability": 0.9}]),
    )
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    args = [*flags.split(), "--disable-component-update", "--disable-sync"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=args)
        context = browser.new_context(viewport={"width": 390, "height": 800}, java_script_enabled=True)
        page = context.new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto((tmp_path / "r.html").as_uri())
        for label, shown, hidden in (("English", "At a glance", "概览"), ("中文", "概览", "At a glance")):
            page.locator("label", has_text=label).click()
            assert page.get_by_text(shown, exact=True).first.is_visible()
            assert not page.get_by_text(hidden, exact=True).first.is_visible()
            for width in (320, 390, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                # On a phone too, what a metric means and what was predicted is seen without scrolling a table sideways.
                for table in page.locator(".about, .stacked").all():
                    assert table.evaluate("one => one.scrollWidth - one.clientWidth") <= 1
        page.locator("#zh").focus()
        page.keyboard.press("ArrowLeft")
        assert page.get_by_text("At a glance", exact=True).first.is_visible()
        assert len(asked) == 1  # the file itself
        assert said == []  # no violation of the content policy
        browser.close()


def test_a_baseline_of_other_rows_gives_no_verdict_and_a_detectors_order_counts():
    y, p = [0, 1, 1, 0], np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
    found = measure(y, p, ("a", "b"), bootstrap=0)
    other = {"name": "svm", "accuracy": 0.5}
    assert "above the baseline svm" in verdict(found, [other])
    assert "baseline" not in verdict(found, [{**other, ELSEWHERE: True}])
    english, chinese = both(verdict(measure(y, p, ("normal", "anomaly"), bootstrap=0), detector=True))
    assert "in 100.0% of pairs the anomaly scores above the normal row" in english
    assert "probabilities" not in english
    assert "概率" not in chinese
    assert "probabilities" in verdict(measure(y, p, ("normal", "anomaly"), bootstrap=0))  # a classifier by these names
