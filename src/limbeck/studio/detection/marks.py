"""What drove an answer, as a page draws it: marked text, boxes on a picture, bars of columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from PIL import Image

from limbeck.studio.detection.boxes import drawn_boxes
from limbeck.studio.detection.models import Prediction

LEVELS = 4  # of colour, for and against
WIDTH = 100  # of a bar


@dataclass(frozen=True)
class Piece:
    """A stretch of a text; ``level`` is -4 to 4, 0 where it had no weight."""

    text: str
    level: int
    weight: float


@dataclass(frozen=True)
class Bar:
    """A part with its weight as a bar of 0 to 100."""

    name: str
    weight: float
    width: int


class Explained(Protocol):
    """What is drawn: a content or a file, and the parts that drove its answer."""

    content: Any
    file: Any
    explanation: Any


@dataclass(frozen=True)
class Box:
    """A region of a picture, in its pixels."""

    left: int
    top: int
    width: int
    height: int
    level: int
    weight: float


def drawn(prediction: Prediction) -> dict[str, Any]:
    """Return what the template of an answer needs to draw its boxes, or its explanation."""
    if prediction.boxes is None:
        return drawn_explanation(prediction)
    size = _size(Path(settings.HOME) / prediction.file)
    return {"has_parts": False, "found": drawn_boxes(prediction), "size": size}


def drawn_explanation(prediction: Explained) -> dict[str, Any]:
    """Return what a template needs to draw what drove an answer, of a `Prediction` or of an item that is reviewed."""
    parts = prediction.explanation or []
    heaviest = max((abs(part["weight"]) for part in parts), default=0.0) or 1.0
    out: dict[str, Any] = {"has_parts": bool(parts)}
    spans = [part for part in parts if part["kind"] == "span"]
    boxes = [part for part in parts if part["kind"] == "box"]
    columns = [part for part in parts if part["kind"] == "column"]
    if spans:
        out["pieces"] = pieces(prediction.content, spans, heaviest)
    if columns:
        out["bars"] = [Bar(str(part["where"]), part["weight"], _width(part, heaviest)) for part in columns]
    if boxes and prediction.file:
        out["boxes"] = [_box(part, heaviest) for part in boxes]
        out["size"] = _size(Path(settings.HOME) / prediction.file)
    return out


def pieces(text: str, spans: list[dict[str, Any]], heaviest: float) -> list[Piece]:
    """Cut a text at the spans, which do not overlap."""
    out, at = [], 0
    for span in sorted(spans, key=lambda one: one["where"][0]):
        begin, end = max(span["where"][0], at), span["where"][1]
        if begin >= end:
            continue
        if begin > at:
            out.append(Piece(text[at:begin], 0, 0.0))
        out.append(Piece(text[begin:end], _level(span, heaviest), span["weight"]))
        at = end
    return [*out, Piece(text[at:], 0, 0.0)] if at < len(text) else out


def _level(part: dict[str, Any], heaviest: float) -> int:
    strength = max(1, round(LEVELS * abs(part["weight"]) / heaviest))
    return strength if part["weight"] > 0 else -strength


def _width(part: dict[str, Any], heaviest: float) -> int:
    return max(1, round(WIDTH * abs(part["weight"]) / heaviest))


def _box(part: dict[str, Any], heaviest: float) -> Box:
    left, top, right, bottom = part["where"]
    return Box(left, top, right - left, bottom - top, _level(part, heaviest), part["weight"])


def _size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture as it is shown, upright."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(0x0112, 1) in (5, 6, 7, 8) else (width, height)
    except OSError:
        return 1, 1
