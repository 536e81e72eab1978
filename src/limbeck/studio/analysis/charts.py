"""Charts as SVG that a template draws, each with its table. No script: the strict policy for content stays as it is.

Lengths are units of the drawing, which is `WIDTH` by `HEIGHT`. Colours are those of the classes ``series-0`` to
``series-7`` in studio.css; a title on each bar says what it stands for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from limbeck.data.exchange.escape import escaped_frame

WIDTH, HEIGHT = 480, 220  # so small that the text can be read on a phone
LEFT, RIGHT, TOP, BOTTOM = 60, 8, 10, 26
SERIES = 8  # colours; further series are added up as the last one
TICKS = 4
LABELS = 5  # labels on the axis below, at most


@dataclass(frozen=True)
class Bar:
    """A part of a bar: its place, its colour, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True)
class Drawing:
    """Bars, the lines of the axis (height and text), and the labels below (place and text)."""

    bars: list[Bar]
    ticks: list[tuple[float, str]]
    labels: list[tuple[float, str]]


@dataclass(frozen=True)
class Chart:
    """A chart with its table: ``rows`` as in a file, ``shown`` as on the page, ``legend`` names of the series."""

    key: str
    title: str
    columns: list[str]
    rows: list[list[Any]]
    shown: list[list[str]]
    drawing: Drawing
    legend: list[str] = field(default_factory=list)

    def csv(self) -> bytes:
        """Return the table as a CSV file that no spreadsheet takes for formulas."""
        columns = {name: [row[at] for row in self.rows] for at, name in enumerate(_distinct(self.columns))}
        frame = pl.DataFrame(columns, strict=False)
        text: str = escaped_frame(frame.lazy()).collect().write_csv()
        return ("\ufeff" + text).encode()  # Excel takes a file without the mark for another encoding


def percent(value: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * value:.1f} %"


def number(value: float) -> str:
    """Return a count."""
    return f"{value:,.0f}"


def stacked(
    key: str, title: str, below: tuple[str, Sequence[str]], counts: Counter[tuple[int, str]], other: str, *,
    shares: bool = False, names: dict[str, str] | None = None,
) -> Chart:  # fmt: skip
    """Return stacked bars.

    Parameters
    ----------
    below
        The name of the axis below, and a label for each bar.
    counts
        By the place of a bar and the name of a series.
    other
        What series beyond `SERIES` are called together.
    shares
        Each bar is all of its counts, 100 %.
    names
        What people read for the names of series.
    """
    sums: Counter[str] = Counter()
    for (_at, name), count in counts.items():
        sums[name] += count
    order = [name for name, _count in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))]
    kept = order if len(order) <= SERIES else order[: SERIES - 1]
    legend = [(names or {}).get(name, name) for name in kept] + ([other] if len(kept) < len(order) else [])
    rows: list[list[float]] = []
    for at in range(len(below[1])):
        values = [float(counts[at, name]) for name in kept]
        if len(kept) < len(order):
            values.append(float(sum(counts[at, name] for name in order[SERIES - 1 :])))
        total = sum(values)
        rows.append([value / total if total else 0.0 for value in values] if shares else values)
    told = percent if shares else number
    drawing = draw(below[1], rows, legend, told, most=1.0 if shares else None)
    cells: list[list[Any]] = [
        [label, *(round(value, 6) if shares else int(value) for value in row)]
        for label, row in zip(below[1], rows, strict=True)
    ]
    shown = [[str(row[0]), *(told(value) for value in row[1:])] for row in cells]
    return Chart(key, title, [below[0], *legend], cells, shown, drawing, legend)


def draw(
    labels: Sequence[str], rows: Sequence[Sequence[float]], legend: Sequence[str], told: Callable[[float], str], *,
    most: float | None = None,
) -> Drawing:  # fmt: skip
    """Return stacked bars: of each row one bar with a part for each series; ``most`` is the top of the axis."""
    step = _step(most or max((sum(row) for row in rows), default=0.0))
    top = most or step * max(1, math.ceil(max((sum(row) for row in rows), default=0.0) / step))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    place = wide / max(len(labels), 1)
    bars = []
    for at, (label, row) in enumerate(zip(labels, rows, strict=True)):
        bottom = float(HEIGHT - BOTTOM)
        for series, value in enumerate(row):
            height = high * value / top
            bottom -= height
            if value > 0:
                name = f"{label} · {legend[series]}: {told(value)}" if legend else f"{label}: {told(value)}"
                width = round(place * 0.82, 2)
                x = round(LEFT + place * (at + 0.09), 2)
                bars.append(Bar(x, round(bottom, 2), width, round(max(height, 0.5), 2), series % SERIES, name))
    count = round(top / step)
    ticks = [(round(HEIGHT - BOTTOM - high * at / count, 2), told(step * at)) for at in range(count + 1)]
    every = max(1, math.ceil(len(labels) / LABELS))
    below = [(round(LEFT + place * (at + 0.5), 2), labels[at]) for at in range(0, len(labels), every)]
    return Drawing(bars, ticks, below)


def _step(most: float) -> float:
    """Return the distance of two lines of an axis up to ``most``: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1.0
    rough = most / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 2.5, 5, 10) if rough <= power * times * (1 + 1e-9))
    return step if most <= 1.0 else max(1.0, step)


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names as the header of a table, where each occurs once."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out
