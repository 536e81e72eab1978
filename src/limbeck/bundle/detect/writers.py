"""What was found, as files: a table with a row for each box, COCO's JSON, or a folder of YOLO's text files.

Each appears whole or not at all. Tables grow beside their place while a long video is read; a picture or frame without
boxes has one row whose cells of a box are empty, so that none is missing.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from limbeck.bundle.detect.found import Detections
from limbeck.errors import LimbeckError
from limbeck.files import whole_file, whole_folder, writable, write_json

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
COLUMNS = ("path", "width", "height", "class", "score", "x0", "y0", "x1", "y1")
IN_VIDEO = ("path", "frame", "time", "track", *COLUMNS[1:])
KINDS = ("kind", "kind_probability")  # with a classifier behind the detector
_FLUSHED = 50_000  # rows of a Parquet file that are held


@dataclass(frozen=True)
class Place:
    """Where boxes were found: the path of the picture or video, and the frame with its seconds from the start."""

    path: str
    frame: int | None = None
    time: float | None = None


class Writer(Protocol):
    """Takes what was found, picture by picture."""

    def add(self, place: Place, found: Detections) -> None:
        """Write the boxes of one picture or frame."""


@contextlib.contextmanager
def writing(output: Path, *, video: bool, kinds: bool = False) -> Iterator[Writer]:
    """Yield what writes to ``output``: ``.csv``, ``.tsv``, ``.jsonl``, ``.parquet``, COCO's ``.json``, or a folder.

    ``kinds``: whether a classifier says what is in each box.

    Raises
    ------
    LimbeckError
        For another ending, or a video as YOLO's text files, of which there is one for each picture.
    """
    end = output.suffix.lower()
    columns = (*(IN_VIDEO if video else COLUMNS), *(KINDS if kinds else ()))
    if end in TABLES:
        with whole_file(output) as part, _table(part, end, columns) as writer:
            yield writer
    elif end == ".json":
        coco = Coco()
        yield coco
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, coco.content())
    elif not end:
        if video:
            fix = "end the output in .csv or .json"
            raise LimbeckError("a folder of text files holds pictures, not frames", where=output, fix=fix)
        with whole_folder(output) as folder:
            yolo = Yolo(folder)
            yield yolo
            yolo.finish()
    else:
        fix = f"end it in {', '.join(TABLES)} or .json, or name a folder for text files as YOLO has them"
        raise LimbeckError(f"cannot write {end!r}", where=output, fix=fix)


def rows_of(place: Place, found: Detections) -> list[dict[str, Any]]:
    """Return a row for each box, or one without a box where nothing was found."""
    head = {"path": writable(place.path), "frame": place.frame, "time": place.time}
    head |= {"width": found.size[0], "height": found.size[1]}
    return [{**head, **row} for row in found.rows()] or [head]


@contextlib.contextmanager
def _table(part: Path, end: str, columns: tuple[str, ...]) -> Iterator[Writer]:
    if end == ".parquet":
        parquet = Parquet(columns)
        yield parquet
        parquet.frame().write_parquet(part)
        return
    with part.open("w", encoding="utf-8", newline="") as file:
        yield Lines(file) if end == ".jsonl" else Cells(file, columns, "\t" if end == ".tsv" else ",")


class Cells:
    """Rows of a CSV or TSV file."""

    def __init__(self, file: Any, columns: tuple[str, ...], mark: str) -> None:
        self._table, self._columns = csv.writer(file, delimiter=mark, lineterminator="\n"), columns
        self._table.writerow(columns)

    def add(self, place: Place, found: Detections) -> None:
        """Write a row for each box."""
        for row in rows_of(place, found):
            self._table.writerow([_cell(row.get(name)) for name in self._columns])


class Lines:
    """A JSON object a line: one for each picture or frame, with its boxes."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def add(self, place: Place, found: Detections) -> None:
        """Write a line."""
        head = {"path": writable(place.path), "width": found.size[0], "height": found.size[1]}
        if place.frame is not None:
            head |= {"frame": place.frame, "time": place.time}
        boxes = [{name: _rounded(value) for name, value in row.items()} for row in found.rows()]
        self._file.write(json.dumps({**head, "boxes": boxes}, ensure_ascii=False) + "\n")


class Parquet:
    """Rows of a Parquet file."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns, self._rows, self._frames = columns, list[dict[str, Any]](), list[pl.DataFrame]()

    def add(self, place: Place, found: Detections) -> None:
        """Hold a row for each box."""
        self._rows += rows_of(place, found)
        if len(self._rows) >= _FLUSHED:
            self._flush()

    def frame(self) -> pl.DataFrame:
        """Return all rows."""
        self._flush()
        return pl.concat(self._frames)

    def _flush(self) -> None:
        kinds = {"path": pl.String, "class": pl.String, "frame": pl.Int64, "track": pl.Int64, "kind": pl.String}
        kinds |= {"width": pl.Int64, "height": pl.Int64}
        schema = {name: kinds.get(name, pl.Float64) for name in self._columns}
        self._frames.append(pl.DataFrame({name: [row.get(name) for row in self._rows] for name in schema}, schema))
        self._rows = []


class Coco:
    """Images, annotations with scores, and categories, as COCO writes them."""

    def __init__(self) -> None:
        self._images: list[dict[str, Any]] = []
        self._boxes: list[dict[str, Any]] = []
        self._classes: tuple[str, ...] = ()

    def add(self, place: Place, found: Detections) -> None:
        """Hold an image and its boxes."""
        number = len(self._images) + 1
        image = {"id": number, "file_name": writable(place.path), "width": found.size[0], "height": found.size[1]}
        self._images.append(image if place.frame is None else {**image, "frame": place.frame, "time": place.time})
        self._classes = found.classes
        for row, label in zip(found.rows(), found.labels.tolist(), strict=True):
            x0, y0, x1, y1 = (row[name] for name in ("x0", "y0", "x1", "y1"))
            box = [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)]
            one = {"id": len(self._boxes) + 1, "image_id": number, "category_id": label + 1, "bbox": box}
            one |= {"area": round(box[2] * box[3], 2), "iscrowd": 0, "score": round(row["score"], 6)}
            more = {"track_id": row["track"]} if "track" in row else {}
            self._boxes.append({**one, **more, **({"kind": row["kind"]} if "kind" in row else {})})

    def content(self) -> dict[str, Any]:
        """Return the whole file."""
        categories = [{"id": at, "name": name} for at, name in enumerate(self._classes, start=1)]
        return {"images": self._images, "annotations": self._boxes, "categories": categories}


class Yolo:
    """A text file for each picture under its own path: class, middle, width and height in shares, score."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._classes = folder, tuple[str, ...]()

    def add(self, place: Place, found: Detections) -> None:
        """Write the file of a picture."""
        parts = [part for part in Path(place.path).parts if part not in ("/", "\\", "..", ".")]
        file = self._folder.joinpath(*parts).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        self._classes = found.classes
        width, height = found.size
        lines = []
        for edges, label, score in zip(found.edges.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True):
            x0, y0, x1, y1 = edges
            shares = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
            lines.append(" ".join([str(label), *(f"{share:.6f}" for share in shares), f"{score:.6f}"]))
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def finish(self) -> None:
        """Write the names of the classes."""
        (self._folder / "classes.txt").write_text("".join(f"{name}\n" for name in self._classes), encoding="utf-8")


def _cell(value: Any) -> Any:
    return "" if value is None else _rounded(value)


def _rounded(value: Any) -> Any:
    return round(value, 6 if abs(value) <= 1 else 2) if isinstance(value, float) else value
