"""The page of a detector of attacks: its section and its gallery, inert, offline, in two languages, at any width."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from tests.evaluation.test_report import HOSTILE, Page, report

from limbeck.evaluation.report.page import render_report, write_report
from limbeck.kinds.image.gallery import thumbnails
from limbeck.kinds.image.reading.decode import Picture
from limbeck.metrics.presentation_attacks import measure_liveness
from pictures import square


def detected(kinds=("photo", "screen"), live="live", **changes):
    """Return a report with the rates of attacks, and six small pictures."""
    plain = report((live, "spoof"))
    species = [kinds[k % len(kinds)] for k in range(len(plain.y))]
    rates = measure_liveness(plain.y, plain.p, (live, "spoof"), bona_fide=0, species=species, bootstrap=50)
    spans = plain.metrics["confidence_intervals"] | rates.pop("confidence_intervals")
    uris = thumbnails([Picture(square("red", n, (60 + 30 * n, 90))) for n in range(6)])
    worst = [
        {
            "row": n,
            "text": f"a/{'w' * 30}/{n}.png",
            "true": live,
            "predicted": "spoof",
            "probability": 0.9,
            "thumbnail": uri,
        }
        for n, uri in enumerate(uris)
    ]
    told = {"metrics": {**plain.metrics, **rates, "confidence_intervals": spans}, "worst": worst}
    return report((live, "spoof"), **(told | changes))


def test_the_section_shows_each_species_and_says_at_which_threshold():
    page = Page(render_report(detected()))
    for words in ("APCER, worst species", "APCER（最差种类）", "photo", "screen", "bona fide", "真实呈现", "live"):
        assert words in page.text
    cut = detected().metrics["threshold_at_apcer_1"]
    assert f"with the threshold at {cut:.4g}" in page.text
    assert f"阈值取 {cut:.4g} 时" in page.text
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert "Presentation attacks" not in render_report(report())


def test_names_of_species_and_paths_are_inert():
    clean = Page(render_report(detected()))
    rows = [{**row, "text": HOSTILE, "true": HOSTILE, "predicted": HOSTILE} for row in detected().worst]
    dirty = Page(render_report(detected((HOSTILE, "{threshold}{x}"), HOSTILE + "{threshold}", worst=rows)))
    assert {tag for tag, _ in dirty.tags} <= {tag for tag, _ in clean.tags}
    assert all(set(attrs) == {"src", "alt"} for attrs in dirty.all("img"))
    for _, attrs in dirty.tags:
        assert not [name for name in attrs if name.startswith("on")]


def test_rates_of_what_was_not_presented_make_a_page():
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    for labels in ([0, 0], [1, 1]):
        rates = measure_liveness(labels, p, ("live", "spoof"), bona_fide=0, bootstrap=10)
        spans = rates.pop("confidence_intervals")
        metrics = {**detected().metrics, **rates, "confidence_intervals": spans}
        Page(render_report(detected(metrics=metrics)))


@pytest.mark.browser
def test_in_a_browser_the_small_pictures_are_there_and_nothing_overflows(tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    kinds = ("upper body mask " * 4, "照片打印" * 8, "a4")
    write_report(tmp_path / "r.html", detected(kinds))
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=flags.split())
        page = browser.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "r.html").as_uri())
        assert page.evaluate("[...document.images].filter(one => one.naturalWidth > 0).length") == 6
        for label, shown in (("English", "Worst errors in pictures"), ("中文", "误判最严重的图片")):
            page.locator("label", has_text=label).click()
            assert page.get_by_text(shown, exact=True).first.is_visible()
            for width in (320, 390, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert said == []  # no violation of the content policy
        assert all(url.startswith(("file:", "data:")) for url in asked)
        browser.close()
