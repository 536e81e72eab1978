"""The figures in docs/loop.md are those of docs/results.json, in both languages."""

import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def measured(page: str) -> list[tuple[str, str, str]]:
    """Return what, value and goal of each line of the page's last table."""
    table = (DOCS / page).read_text("utf-8").rstrip().rsplit("\n\n", 1)[1].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table]


def number(text: str) -> float:
    return float(re.match(r"-?[\d.]+", text)[0])


def test_figures_of_the_page_are_those_that_were_measured():
    stored = json.loads((DOCS / "results.json").read_text("utf-8"))
    figures = {row["name"]: row for row in stored if row["subject"] == "loop"}
    rows = measured("loop.md")
    assert len(rows) > 5
    for name, value, goal in rows:
        figure = figures[name]
        digits = len(value.split()[0].partition(".")[2])
        assert number(value) == pytest.approx(figure["value"], abs=0.5001 * 10**-digits)
        missed = (
            figure["value"] < figure["floor"] if figure["better"] == "higher" else figure["value"] > figure["floor"]
        )
        assert ("missed" in goal) == missed
    assert [number(value) for _, value, _ in rows] == [number(value) for _, value, _ in measured("loop.zh-CN.md")]
