"""The pencil of the report: axes, lines and words as inline SVG, coloured by the page's style sheet.

No scripts, no style attributes (the page's content policy forbids both), every word in both languages and
every word from data escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck.messages.escape import inert
from limbeck.messages.labels import pair

WIDTH, HEIGHT = 400, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 56


def escape(value: object, limit: int = 60) -> str:
    """Return data text safe inside SVG text and attributes."""
    text = inert(value, limit)
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(raw, safe)
    return text


def text(x: float, y: float, content: str, css: str = "tick", anchor: str = "middle", turn: int = 0) -> str:
    """Return one text element; ``content`` is already escaped."""
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}"{turned}>{content}</text>'


def words(x: float, y: float, key: str, css: str = "label", anchor: str = "middle", turn: int = 0) -> str:
    """Return a label of the page's own in both languages, of which the style sheet shows one."""
    return "".join(
        text(x, y, escape(word), f"{css} {language}", anchor, turn)
        for language, word in zip(("en", "zh"), pair(key), strict=True)
    )


def picture(name: str, description: tuple[str, str], body: Sequence[str], height: float = HEIGHT) -> str:
    """Return the whole ``<svg role="img">`` with title and description for those who hear it."""
    title = " · ".join(dict.fromkeys(pair(name)))
    told = " · ".join(dict.fromkeys(description))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(told, 400)}</desc>'
        f"{''.join(body)}</svg>"
    )


@dataclass(frozen=True)
class Axes:
    """A plotting area: data ranges after ``warp_x`` and ``warp_y`` are mapped onto it."""

    low_x: float = 0.0
    high_x: float = 1.0
    low_y: float = 0.0
    high_y: float = 1.0
    warp: Callable[[float], float] = float

    def x(self, value: float) -> float:
        """Return the horizontal place of a value, clipped to the area."""
        return LEFT + self._share(value, self.low_x, self.high_x) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return the vertical place of a value, clipped to the area."""
        return HEIGHT - BOTTOM - self._share(value, self.low_y, self.high_y) * (HEIGHT - TOP - BOTTOM)

    def _share(self, value: float, low: float, high: float) -> float:
        low, high = self.warp(low), self.warp(high)
        inside = min(max(self.warp(value), low), high)
        return (inside - low) / (high - low) if high > low else 0.5

    def grid(
        self,
        ticks_x: Sequence[float],
        ticks_y: Sequence[float],
        name_x: str,
        name_y: str,
        show: Callable[[float], str] | None = None,
        show_x: Callable[[float], str] | None = None,
    ) -> list[str]:
        """Return grid lines, tick numbers and the names of both axes."""
        show = show or (lambda value: f"{value:g}")
        parts = []
        for value in ticks_x:
            x = self.x(value)
            parts.append(line(x, TOP, x, HEIGHT - BOTTOM, "grid"))
            parts.append(text(x, HEIGHT - BOTTOM + 19, (show_x or show)(value)))
        for value in ticks_y:
            y = self.y(value)
            parts.append(line(LEFT, y, WIDTH - RIGHT, y, "grid"))
            parts.append(text(LEFT - 8, y + 5, show(value), anchor="end"))
        middle = (TOP + HEIGHT - BOTTOM) / 2
        return [
            *parts,
            words((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, name_x),
            words(14, middle, name_y, turn=-90),
        ]

    def path(self, xs: ArrayLike, ys: ArrayLike, css: str) -> str:
        """Return a line through points float[T], thinned to what the eye can tell apart."""
        px = np.array([self.x(float(v)) for v in np.asarray(xs)])
        py = np.array([self.y(float(v)) for v in np.asarray(ys)])
        kept = _thin(px, py)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(px[kept], py[kept], strict=True))
        return f'<polyline points="{points}" class="{css}"/>'

    def segment(self, x1: float, y1: float, x2: float, y2: float, css: str) -> str:
        """Return one straight line between two points of data."""
        return line(self.x(x1), self.y(y1), self.x(x2), self.y(y2), css)

    def dot(self, x: float, y: float, css: str = "dot", radius: float = 4) -> str:
        """Return a dot at a point of data."""
        return circle(self.x(x), self.y(y), css, radius)

    def bar(self, x1: float, x2: float, height: float, css: str = "bar") -> str:
        """Return a bar that stands on the lower edge, ``height`` in data units of y."""
        left, right, top = self.x(x1), self.x(x2), self.y(self.low_y + height)
        return rect(left + 0.5, top, max(right - left - 1, 0.5), HEIGHT - BOTTOM - top, css)


def rect(x: float, y: float, width: float, height: float, css: str, opacity: float | None = None) -> str:
    """Return a rectangle in picture units."""
    faded = "" if opacity is None else f' fill-opacity="{opacity:.3f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{css}"{faded}/>'


def circle(x: float, y: float, css: str, radius: float) -> str:
    """Return a circle in picture units."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{css}"/>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """Return a straight line in picture units."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def _thin(
    px: np.ndarray[tuple[int], np.dtype[np.float64]],
    py: np.ndarray[tuple[int], np.dtype[np.float64]],
    most: int = 400,
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if len(px) <= most:
        return np.arange(len(px))
    travelled = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(px)) + np.abs(np.diff(py)))])
    places = np.searchsorted(travelled, np.linspace(0, travelled[-1], most))
    return np.unique(np.minimum(np.concatenate([[0], places, [len(px) - 1]]), len(px) - 1))
