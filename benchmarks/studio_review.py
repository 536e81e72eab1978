"""Review in the studio: claims, pages and imports under load, and from a key to the next item in a real browser.

The load runs in a process of its own (`benchmarks.review_load`) on SQLite, or on the database that ``DATABASE_URL``
names. The browser asks a whole site, with its processes, as a person's browser does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.figures import ROOT, Figure
from benchmarks.studio import Site, site

COMMAND = "make bench ONLY=studio_review"
ITEMS, PAUSE = 200, 150  # items that are reviewed in the browser, milliseconds between two
SIGN_IN = """
import json, sys
import django; django.setup()
from django.test import Client
from django.conf import settings
from limbeck.studio.accounts.models import User
from limbeck.studio.review.services.adding.add import add_items
from benchmarks.review_load import rows
add_items(rows(int(sys.argv[1]), "comments", 1), by=None)
client = Client()
client.force_login(User.objects.create(username="reader", role="reviewer"))
print(json.dumps([settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value]))
"""
# From a key until the next item has been painted.
WATCH = """() => {
  window.took = [];
  let pressed = 0;
  document.addEventListener("keydown", () => { pressed = performance.now(); }, true);
  const root = document.getElementById("review");
  new MutationObserver(() => {
    if (!root.dataset.shown || !pressed) return;
    const began = pressed;
    pressed = 0;
    requestAnimationFrame(() => setTimeout(() => window.took.push(performance.now() - began)));
  }).observe(root, { attributes: true, attributeFilter: ["data-shown"] });
}"""


def measure(data: Path, quick: bool = False) -> list[Figure]:  # noqa: ARG001 - all have it
    """Return the figures; ``data`` is not read."""
    with tempfile.TemporaryDirectory() as place:
        found = load(Path(place) / "load", quick)
        keys = browse(Path(place), 12 if quick else ITEMS)
    engine = os.environ.get("DATABASE_URL", "sqlite").partition(":")[0]
    shared = {"subject": "studio", "command": COMMAND}
    many, few, clicks, claims = (found[name] for name in ("many", "few", "clicking", "claims"))
    figures = [
        Figure(name=f"items claimed twice, 50 threads x 1,000 ({engine})", value=float(claims["twice"] + claims["errors"]), unit="items", better="lower", floor=0.0, note=f"{claims['per_second']:.0f} claims/s", **shared),
        Figure(name=f"list and queue pages at 1,000,000 items, p95 ({engine})", value=many["p95"], unit="ms", better="lower", floor=300.0, note=f"slowest: {many['slowest']} {many['slowest_ms']:.0f} ms", **shared),
        Figure(name="queries of a page at 1,000,000 items beyond those at 300", value=float(many["queries"] - few["queries"]), unit="queries", better="lower", note=f"{many['queries']} at most", **shared),
        Figure(name=f"next item with 8 reviewers and an import, p95 ({engine})", value=clicks["next_p95"], unit="ms", better="lower", floor=100.0, note="an answer of each every 0.25 s", **shared),
        Figure(name=f"locked errors and lost writes, 8 reviewers and an import of 100,000 rows for 60 s ({engine})", value=float(clicks["locked"] + clicks["lost"]), unit="", better="lower", floor=0.0, note=f"{clicks['reviews']:,} reviews, {clicks['imported']:,} rows", **shared),
    ]  # fmt: skip
    if keys is not None:
        note = f"Chromium, {len(keys)} items, {PAUSE} ms between two"
        value = float(np.percentile(keys, 95))
        figures.append(Figure(name="key to next item in a browser, p95", value=value, unit="ms", better="lower", floor=100.0, note=note, **shared))  # fmt: skip
    return figures


def load(home: Path, quick: bool) -> dict[str, dict[str, float]]:
    """Run the load in a process of its own."""
    home.mkdir(mode=0o700)
    command = [sys.executable, "-m", "benchmarks.review_load", "quick" if quick else "full"]
    environment = {**os.environ, "LIMBECK_HOME": str(home), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def browse(folder: Path, count: int) -> list[float] | None:
    """Review items in Chromium by key; return the milliseconds of each, None where there is no browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        return None
    with site(folder) as one:
        one.start()
        return _press(one, browser, count)


def _press(one: Site, browser: str, count: int) -> list[float]:
    from playwright.sync_api import sync_playwright

    environment = {**one.environment, "DJANGO_SETTINGS_MODULE": "limbeck.studio.settings", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}  # fmt: skip
    command = [sys.executable, "-c", SIGN_IN, str(2 * count)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    name, value = json.loads(done.stdout.splitlines()[-1])
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.context.add_cookies([{"name": name, "value": value, "url": one.address}])
        page.goto(f"{one.address}/review/?model=comments")
        page.wait_for_selector("#item .review-text")
        page.evaluate(WATCH)
        for at in range(count):
            page.keyboard.press("123 "[at % 4])
            page.wait_for_timeout(PAUSE)
        page.wait_for_selector('#saving[data-count="0"]')
        return [float(each) for each in page.evaluate("window.took")]
