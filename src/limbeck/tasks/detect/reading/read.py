"""Boxes of a folder or file, in whichever form they are written there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data.split import split_random
from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.recipe import Data, Split, Task
from limbeck.tasks.detect.boxes import Annotated, Labelled
from limbeck.tasks.detect.reading.check import checked
from limbeck.tasks.detect.reading.coco import is_coco, load_json, read_coco
from limbeck.tasks.detect.reading.label_studio import is_label_studio, read_label_studio
from limbeck.tasks.detect.reading.raw import Raw
from limbeck.tasks.detect.reading.table import is_table, read_table
from limbeck.tasks.detect.reading.voc import read_voc
from limbeck.tasks.detect.reading.yolo import read_yolo

DRAWN = 0.15  # share of train that becomes valid where the labels name none
_TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".xlsx")


def read_boxes(
    source: Path, task: Task, data: Data | None = None, classes: tuple[str, ...] = (), root: Path | None = None
) -> Annotated:
    """Return the pictures and boxes at a path; parts are those that the labels name.

    Parameters
    ----------
    data
        The ``[data]`` section: the form, if it is not to be found, and the columns of parts and groups.
    classes
        Names in the order of their numbers, where a bundle knows them.
    root
        The folder that pictures have to lie in; that of ``source`` where it is None.

    Raises
    ------
    LimbeckError
        Where nothing is found, or it cannot be read.
    """
    home = root or (source if source.is_dir() else source.parent)
    if not source.exists():
        raise LimbeckError(message("file.missing"), where=source, fix=message("fix.path"))
    wanted = "auto" if data is None else data.boxes
    raw = _reader(source, home, task, data, wanted)()
    names = task.class_map
    given = classes or tuple(dict.fromkeys((names or {}).values()))
    try:
        return checked(raw, given, names)
    except LimbeckError as error:
        raise LimbeckError(error.what, where=source, fix=error.fix) from error


def _reader(source: Path, root: Path, task: Task, data: Data | None, wanted: str) -> Callable[[], Raw]:
    split = data.split if data is not None and isinstance(data.split, str) else "split"
    group = data.split.group if data is not None and isinstance(data.split, Split) and data.split.group else "group"
    if source.is_file():
        return _of_file(source, root, task, split, group)
    contents = functools.cache(lambda: _json_in(source))  # of which the forms in JSON are read once
    forms: dict[str, Callable[[], Callable[[], Raw] | None]] = {
        "table": lambda: _table_in(source, root, task, split, group),
        "yolo": lambda: _yolo_in(source, root),
        "coco": lambda: _coco_in(contents(), root),
        "voc": lambda: _voc_in(source, root),
        "label-studio": lambda: _studio_in(contents(), root),
    }
    for name in [*forms] if wanted == "auto" else [wanted]:
        if (found := forms[name]()) is not None:
            return found
    raise LimbeckError(message("boxes.no_form", form=wanted), where=source, fix=message("fix.boxes_form"))


def _of_file(source: Path, root: Path, task: Task, split: str, group: str) -> Callable[[], Raw]:
    end = source.suffix.lower()
    if end in (".yaml", ".yml"):
        return lambda: read_yolo(source, root)
    if end == ".xml":
        return lambda: read_voc([source], root)
    if end == ".json":
        content = load_json(source)
        if is_label_studio(content):
            return lambda: read_label_studio(content, source, root)
        return lambda: read_coco({source: content}, root)
    return lambda: read_table(source, root, task, split, group)


def _table_in(source: Path, root: Path, task: Task, split: str, group: str) -> Callable[[], Raw] | None:
    files = sorted(file for file in source.iterdir() if file.suffix.lower() in _TABLES and file.is_file())
    if any(file.stem == "boxes" for file in files):
        return lambda: read_table(source, root, task, split, group)
    found = next((file for file in files if is_table(file)), None)
    return None if found is None else lambda: read_table(found, root, task, split, group)


def _yolo_in(source: Path, root: Path) -> Callable[[], Raw] | None:
    yamls = sorted(source.glob("*.yaml")) + sorted(source.glob("*.yml"))
    named = next((file for file in yamls if file.stem in ("data", "dataset")), yamls[0] if yamls else None)
    if named is not None:
        return lambda: read_yolo(named, root)
    return (lambda: read_yolo(source, root)) if (source / "labels").is_dir() else None


def _json_in(source: Path) -> dict[Path, Any]:
    folders = [source, source / "coco", source / "annotations"]
    files = [file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.json"))]
    return {file: load_json(file) for file in files}


def _coco_in(contents: Mapping[Path, Any], root: Path) -> Callable[[], Raw] | None:
    found = {file: content for file, content in contents.items() if is_coco(content)}
    return (lambda: read_coco(found, root)) if found else None


def _voc_in(source: Path, root: Path) -> Callable[[], Raw] | None:
    folders = [source / "Annotations", source / "voc" / "Annotations", source / "annotations", source]
    for folder in folders:
        files = sorted(folder.glob("*.xml")) if folder.is_dir() else []
        if files:
            return lambda: read_voc(files, root)
    return None


def _studio_in(contents: Mapping[Path, Any], root: Path) -> Callable[[], Raw] | None:
    for file, content in contents.items():
        if is_label_studio(content):
            return lambda: read_label_studio(content, file, root)
    return None


def parted(found: Annotated, split: str | Split, seed: int) -> Annotated:
    """Return pictures with parts: as the labels name them, or drawn by whole groups where they name none.

    Where they name train and no valid, a share of train becomes valid. Copies of one file stay together.
    """
    pictures = list(found.pictures)
    named = {picture.part for picture in pictures}
    shares = split if isinstance(split, Split) else Split()
    if named <= {"", "test"}:
        free = [at for at, picture in enumerate(pictures) if not picture.part]
        drawn = _drawn(pictures, free, shares.valid, 0.0 if "test" in named else shares.test, seed)
    elif "valid" not in named:
        free = [at for at, picture in enumerate(pictures) if picture.part in ("train", "")]
        drawn = _drawn(pictures, free, DRAWN, 0.0, seed)
    else:
        drawn = {at: "train" for at, picture in enumerate(pictures) if not picture.part}
    return replace(found, pictures=tuple(replace(one, part=drawn.get(at, one.part)) for at, one in enumerate(pictures)))


def _drawn(pictures: list[Labelled], free: list[int], valid: float, test: float, seed: int) -> dict[int, str]:
    """Return the parts of the pictures whose numbers are ``free``; each is of the rarest class on it."""
    counts: dict[int, int] = {}
    for at in free:
        for label in set(pictures[at].boxes.labels.tolist()):
            counts[label] = counts.get(label, 0) + 1
    rarest = [min(set(pictures[at].boxes.labels.tolist()), key=lambda one: counts[one], default=-1) for at in free]
    groups = [pictures[at].group or pictures[at].sha256 for at in free]
    parts = split_random(len(free), valid=valid, test=test, labels=np.array(rarest), groups=np.array(groups), seed=seed)
    return dict(zip(free, map(str, parts), strict=True))
