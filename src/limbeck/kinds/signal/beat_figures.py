"""The beats of the worst errors, drawn as on paper, with what drove the decision.

The grid is the standard one of electrocardiographs, 25 mm/s and 10 mm/mV (IEC 60601-2-25): a fine box is 0.04 s by
0.1 mV, a bold one 0.2 s by 0.5 mV. What drove a decision is found by occlusion (Zeiler and Fergus 2014) with the bundle
itself: stretches of the window are put in the place of the record's usual beat, or of a straight line where there is
none, and the rhythm is taken away; what the probability of the decided class loses is what they were worth.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.predictor import Predictor
from limbeck.kinds.signal.columns import AFTER, BEAT, BEFORE, RHYTHM, SIGNAL, array_column
from limbeck.kinds.signal.encode import windows_of
from limbeck.kinds.signal.reading.formats.windows import levelled
from limbeck.messages import svg
from limbeck.messages.labels import pair

Floats = NDArray[np.float64]
SHOWN, STRETCHES = 6, 12
MM = 9.0  # picture units of a millimetre
SPEED, HEIGHT = 25.0, 10.0  # mm of a second, and of a millivolt
MOST = 60.0  # mm that a lead is high at most; what is beyond is cut
TOLD = 0.02  # probability that a stretch must have moved to be named


@dataclass(frozen=True)
class Drive:
    """What the decided class's probability loses without each part: stretches float64 [L, S], and the rhythm."""

    stretches: Floats
    rhythm: float


def drives(classifier: Predictor, frame: pl.DataFrame, decided: Sequence[int]) -> list[Drive]:
    """Return what drove the decision on each row of a few; ``decided`` are class numbers."""
    settings = classifier.manifest.input.signal
    leads, samples = len(settings.leads), settings.samples
    edges = np.linspace(0, samples, STRETCHES + 1).round().astype(int)
    found = []
    for at in range(frame.height):
        row = frame[at : at + 1]
        window = levelled(windows_of(row, (leads, samples)), settings.level)[0]
        usual = usual_beat(row, leads, samples)
        changed = []
        for lead in range(leads):
            for start, end in itertools.pairwise(edges.tolist()):
                one = window.copy()
                straight = np.linspace(one[lead, start], one[lead, end - 1], end - start)
                one[lead, start:end] = straight if usual is None else usual[lead, start:end]
                changed.append(one)
        asked = pl.concat([row] * (len(changed) + 2)).with_columns(
            array_column(SIGNAL, np.stack([*changed, window, window]))
        )
        # The last row is the beat as it is, the one before it has no rhythm.
        last = pl.int_range(pl.len()) == len(changed)
        gone = [
            pl.when(last).then(None).otherwise(pl.col(name)).alias(name)
            for name in (BEFORE, AFTER, RHYTHM)
            if name in row.columns
        ]
        p = classifier.predict_proba(asked.with_columns(gone))[:, decided[at]].astype(np.float64)
        lost = p[-1] - p
        found.append(Drive(lost[: len(changed)].reshape(leads, STRETCHES), float(lost[len(changed)])))
    return found


def usual_beat(row: pl.DataFrame, leads: int, samples: int) -> NDArray[np.float32] | None:
    """Return the median beat of a row's record, float32 [L, T] in mV, or None where it has none."""
    if BEAT not in row.columns or row[BEAT][0] is None:
        return None
    return np.asarray(row[BEAT].to_numpy(), dtype=np.float32).reshape(leads, samples)


def draw(
    name: str, window: NDArray[np.float32], usual: NDArray[np.float32] | None, rate: float, peak: int, drive: Drive
) -> str:
    """Return a beat as inline SVG: ``window`` float32 [L, T] in mV at ``rate`` Hz, the R peak at sample ``peak``."""
    wide = window.shape[1] / rate * SPEED * MM
    most = max(float(np.abs(drive.stretches).max()), abs(drive.rhythm), TOLD)
    body: list[str] = []
    top = 6.0
    for lead in range(len(window)):
        every = window[lead] if usual is None else np.concatenate([window[lead], usual[lead]])
        low, high = np.floor(2 * float(every.min())) / 2, np.ceil(2 * float(every.max())) / 2
        high = min(high + 0.5, low + MOST / HEIGHT)
        tall = (high - low) * HEIGHT * MM
        for at, lost in enumerate(drive.stretches[lead]):
            if abs(lost) >= TOLD:
                css = "drove" if lost > 0 else "against"
                left, right = at * wide / STRETCHES, (at + 1) * wide / STRETCHES
                body.append(svg.rect(6 + left, top, right - left, tall, css, 0.45 * abs(lost) / most))
        body += _paper(wide, tall, top)
        if usual is not None:
            body.append(_trace(usual[lead], low, high, wide, top, tall, "usual"))
        body.append(_trace(window[lead], low, high, wide, top, tall, "trace"))
        top += tall + 10.0
    tallest = max(top, 120.0)
    body += _told(drive, window.shape[1] / rate, peak / rate, wide + 22)
    return svg.picture(name, pair("beats_note"), body, tallest)


def on_paper(window: NDArray[np.float32], rate: float, told: str) -> str:
    """Return a beat alone on the standard grid, as inline SVG: ``window`` float32 [L, T] in mV at ``rate`` Hz.

    ``told`` says what it is to those who cannot see it.
    """
    wide, top = window.shape[1] / rate * SPEED * MM, 6.0
    body: list[str] = []
    for lead in window:
        low, high = np.floor(2 * float(lead.min())) / 2, np.ceil(2 * float(lead.max())) / 2
        high = min(high + 0.5, low + MOST / HEIGHT)
        tall = (high - low) * HEIGHT * MM
        body += _paper(wide, tall, top)
        body.append(_trace(lead, low, high, wide, top, tall, "trace"))
        top += tall + 10.0
    frame = f'viewBox="0 0 {wide + 12:.0f} {top:.0f}" role="img" aria-label="{svg.escape(told)}"'
    return f'<svg class="ecg" {frame}>{"".join(body)}</svg>'


def _paper(wide: float, tall: float, top: float) -> list[str]:
    kinds = ("paper-bold", "paper", "paper", "paper", "paper")
    across = [6 + at * MM for at in range(round(wide / MM) + 1)]
    down = [top + at * MM for at in range(round(tall / MM) + 1)]
    upright = [svg.line(x, top, x, top + tall, kinds[at % 5]) for at, x in enumerate(across)]
    return upright + [svg.line(6, y, 6 + wide, y, kinds[at % 5]) for at, y in enumerate(down)]


def _trace(wave: NDArray[np.float32], low: float, high: float, wide: float, top: float, tall: float, css: str) -> str:
    xs = 6 + (np.arange(len(wave)) + 0.5) * wide / len(wave)
    ys = top + tall - (np.clip(wave, low, high) - low) / (high - low) * tall
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
    return f'<polyline points="{points}" class="{css}"/>'


def _told(drive: Drive, seconds: float, peak: float, left: float) -> list[str]:
    """Return the strongest parts in words beside the drawing: when, against the R peak, and what they were worth."""
    step = seconds / STRETCHES
    parts: list[tuple[float, str | None]] = []
    for lead, row in enumerate(drive.stretches):
        for at, lost in enumerate(row.tolist()):
            lead_name = f" ({lead + 1})" if len(drive.stretches) > 1 else ""
            parts.append(
                (lost, f"{1000 * (at * step - peak):+.0f} … {1000 * ((at + 1) * step - peak):+.0f} ms{lead_name}")
            )
    parts.append((drive.rhythm, None))
    parts = [part for part in sorted(parts, key=lambda part: -abs(part[0])) if abs(part[0]) >= TOLD][:4]
    lines = [svg.words(left, 22, "drove_by", "label", "start")]
    for place, (lost, words) in enumerate(parts):
        y = 44 + 19 * place
        lines.append(svg.text(left, y, f"{lost:+.2f}", "tick", "start"))
        if words is None:
            lines.append(svg.words(left + 48, y, "drove_rhythm", "tick", "start"))
        else:
            lines.append(svg.text(left + 48, y, svg.escape(words), "tick", "start"))
    if not parts:
        lines.append(svg.words(left, 44, "drove_nothing", "tick", "start"))
    return lines


def beat_figures(
    classifier: Predictor,
    frame: pl.DataFrame,
    worst: Sequence[int],
    decided: Sequence[int],
    captions: Mapping[int, str],
) -> list[dict[str, Any]]:
    """Return caption and drawing of the first of the worst rows, ``worst`` their places in ``frame``."""
    settings = classifier.manifest.input.signal
    chosen = list(worst)[:SHOWN]
    if not chosen:
        return []
    rows = frame[chosen]
    shape = (len(settings.leads), settings.samples)
    windows = levelled(windows_of(rows, shape), settings.level)
    found = drives(classifier, rows, [decided[at] for at in chosen])
    return [
        {
            "caption": captions[at],
            "drawing": draw(f"beat-{place}", windows[place], usual_beat(rows[place : place + 1], *shape), settings.rate,
                            settings.reach[0], found[place]),
        }
        for place, at in enumerate(chosen)
    ]  # fmt: skip
