"""Boxes in tables: ``index.csv`` with a row for each picture beside ``boxes.csv``, or one table with a row for a box.

Columns of a box are ``x0, y0, x1, y1`` (right and lower edges exclusive), ``xmin, ymin, xmax, ymax``, ``left, top,
right, bottom``, or ``x, y, width, height``. A row whose four cells are empty says that its picture holds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from limbeck.data.labels import text_of
from limbeck.data.split import SPELLINGS
from limbeck.data.tables import read
from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.recipe import Task
from limbeck.tasks.detect.boxes import Rejected
from limbeck.tasks.detect.reading.raw import Raw, RawBox, RawPicture, number, placed, size_of

INDEX, BOXES = "index", "boxes"
_EDGES = (("x0", "y0", "x1", "y1"), ("xmin", "ymin", "xmax", "ymax"), ("left", "top", "right", "bottom"))
_SIDES = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
_PATHS = ("path", "filename", "file", "image", "image_path", "file_name")
_LABELS = ("label", "class", "category", "class_name", "name")
Columns = tuple[Sequence[str], bool]


def read_table(source: Path, root: Path, task: Task, split: str | None, group: str | None) -> Raw:
    """Return the boxes of a table, or of the folder that holds an index beside them.

    Parameters
    ----------
    split, group
        Columns of the index (or of the table) with the part of each picture and what stays together.

    Raises
    ------
    LimbeckError
        Where columns are missing.
    """
    boxes = _named(source, BOXES) if source.is_dir() else source
    index = _named(source, INDEX) if source.is_dir() else _beside(source)
    if boxes is None:
        raise LimbeckError(message("boxes.no_table"), where=source, fix=message("fix.boxes_table"))
    raw = Raw("table", [], [])
    pictures: dict[str, RawPicture] = {}
    if index is not None:
        _read_index(index, root, task, split, group, pictures, raw)
    _read_boxes(boxes, root, task, split, group, pictures, raw, known=index is not None)
    raw.pictures = list(pictures.values())
    return raw


def is_table(file: Path) -> bool:
    """Return whether a table has the columns of boxes."""
    try:
        names = read.inspect(file).columns
    except LimbeckError:
        return False
    return _edges_of(names) is not None


def _named(folder: Path, stem: str) -> Path | None:
    return next(
        (folder / f"{stem}{end}" for end in (".csv", ".parquet", ".tsv") if (folder / f"{stem}{end}").is_file()), None
    )


def _beside(file: Path) -> Path | None:
    return _named(file.parent, INDEX) if file.stem == BOXES else None


def _edges_of(names: Sequence[str]) -> Columns | None:
    """Return the four columns of a box, and whether the last two are width and height."""
    for columns, sides in [*((one, False) for one in _EDGES), *((one, True) for one in _SIDES)]:
        if set(columns) <= set(names):
            return columns, sides
    return None


def _read_index(
    file: Path, root: Path, task: Task, split: str | None, group: str | None, pictures: dict[str, RawPicture], raw: Raw
) -> None:
    table = read.read(file)
    for reject in table.rejects:
        raw.rejected.append(
            Rejected(file.name, reject.row + _header(file), "", message("boxes.row", reason=reject.reason))
        )
    frame = table.frame
    path = _column(frame.columns, (task.inputs[0], *_PATHS), file)
    cells = {name: text_of(frame[name]) for name in frame.columns}
    for at, line in enumerate((table.numbers + _header(file)).tolist()):
        name = (cells[path][at] or "").strip()
        if not name:
            raw.rejected.append(Rejected(file.name, line, "", message("picture.no_path")))
            continue
        one = RawPicture(name, placed(root, name, (file.parent, root), anywhere=True), source=file.name, line=line)
        one.size = _size(cells, at)
        _parted(one, cells, at, split, group, file)
        pictures[name] = one


def _read_boxes(
    file: Path, root: Path, task: Task, split: str | None, group: str | None, pictures: dict[str, RawPicture],
    raw: Raw, *, known: bool,
) -> None:  # fmt: skip
    table = read.read(file)
    for reject in table.rejects:
        raw.rejected.append(
            Rejected(file.name, reject.row + _header(file), "", message("boxes.row", reason=reject.reason))
        )
    frame = table.frame
    path = _column(frame.columns, (task.inputs[0], *_PATHS), file)
    label = _column(frame.columns, (task.label, *_LABELS), file)
    found = _edges_of(frame.columns)
    if found is None:
        raise LimbeckError(message("boxes.no_columns"), where=file, fix=message("fix.boxes_columns"))
    columns, sides = found
    cells = {name: text_of(frame[name]) for name in {path, label, *columns}}
    if not known:
        cells |= {name: text_of(frame[name]) for name in frame.columns if name not in cells}
    crowds = text_of(frame["iscrowd"]) if "iscrowd" in frame.columns else [None] * frame.height
    for at, line in enumerate((table.numbers + _header(file)).tolist()):
        name = (cells[path][at] or "").strip()
        one = pictures.get(name)
        if one is None:
            if known or not name:
                code = "boxes.not_in_index" if name else "picture.no_path"
                raw.rejected.append(Rejected(file.name, line, name, message(code)))
                continue
            one = RawPicture(name, placed(root, name, (file.parent, root), anywhere=True), source=file.name, line=line)
            one.size = _size(cells, at) if not sides else None
            _parted(one, cells, at, split, group, file)
            pictures[name] = one
        texts = [(cells[column][at] or "").strip() for column in columns]
        if not any(texts):
            continue  # a picture without boxes
        values = [number(text) for text in texts]
        if sides:
            values = [values[0], values[1], values[0] + values[2], values[1] + values[3]]
        edges = (values[0], values[1], values[2], values[3])
        crowd = (crowds[at] or "").strip().lower() in ("1", "true")
        one.boxes.append(RawBox((cells[label][at] or "").strip() or None, edges, file.name, line, crowd=crowd))


def _parted(
    one: RawPicture, cells: Mapping[str, Sequence[str | None]], at: int, split: str | None, group: str | None,
    file: Path,
) -> None:  # fmt: skip
    for column, what in ((split, "data.split"), (group, "data.split.group")):
        if column is not None and column not in cells and column not in ("split", "group"):
            raise LimbeckError(message("boxes.no_column", column=column, key=what), where=file)
    given = (cells[split][at] or "").strip().lower() if split in cells and split is not None else ""
    one.part = SPELLINGS.get(given, "")
    one.group = (cells[group][at] or "").strip() if group in cells and group is not None else ""


def _size(cells: Mapping[str, Sequence[str | None]], at: int) -> tuple[int, int] | None:
    if "width" not in cells or "height" not in cells:
        return None
    return size_of(cells["width"][at], cells["height"][at])


def _column(names: Sequence[str], wanted: Sequence[str], file: Path) -> str:
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise LimbeckError(
            message("boxes.column_missing", column=wanted[0]), where=file, fix=message("fix.boxes_columns")
        )
    return found


def _header(file: Path) -> int:
    """Return how many lines stand before the first row: that of the names of a text table."""
    return int(file.suffix.lower() in (".csv", ".tsv"))
