"""Pictures into what is gathered: class folders, published layouts, and tables of paths."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.split import SPELLINGS
from limbeck.data.tables import read
from limbeck.data.tables.rows import Ints
from limbeck.errors import LimbeckError
from limbeck.kinds.gather import Gathering, Sought
from limbeck.kinds.image.reading.files import located
from limbeck.kinds.image.reading.layouts import celeba_spoof as celeba
from limbeck.kinds.image.reading.layouts import class_folders as folders
from limbeck.kinds.image.reading.layouts import masks
from limbeck.kinds.image.reading.layouts import mvtec as defects

LAYOUTS = (celeba.NAME,)  # names of ``data.layout`` that are about folders


def gather(gathering: Gathering, source: Path | pl.DataFrame, sought: Sought) -> bool:
    """Add a folder without a table as class folders, or in its layout, and return whether it was one.

    A part that the data names counts where all of it is train.

    Raises
    ------
    LimbeckError
        For a folder without pictures.
    """
    if isinstance(source, pl.DataFrame) or not source.is_dir():
        return False
    published = sought.layout == celeba.NAME and (sought.part == "train" or celeba.is_root(source))
    if published:
        _add_published(gathering, source, sought)
    elif not _has_table(source):
        _add_folders(gathering, source, sought)
    else:
        return False
    return True


def placed(
    gathering: Gathering, frame: pl.DataFrame, sought: Sought, file: Path, given: Collection[str]
) -> pl.DataFrame:
    """Return the rows of a table of paths with their files, boxes and masks."""
    if not frame.width:
        return frame
    task = sought.task
    frame = located(frame, task, sought.boxes, file.parent)
    if task.anomaly and task.mask not in given:
        frame = masks.with_masks(frame, masks.mask_folder(file.parent), task, gathering.findings)
    return celeba.with_boxes(frame) if sought.layout == celeba.NAME else frame


def _add_published(gathering: Gathering, path: Path, sought: Sought) -> None:
    found, findings = celeba.parts(path, sought.task)
    gathering.findings += findings
    for own, file, frame in found:
        part = own if sought.part == "train" else sought.part
        gathering.hold(frame, _numbers(frame), part, file, sought)


def _add_folders(gathering: Gathering, path: Path, sought: Sought) -> None:
    task, part = sought.task, sought.part
    if celeba.is_root(path):
        raise LimbeckError("this is CelebA-Spoof", where=path, fix=f'set data.layout = "{celeba.NAME}"')
    if task.anomaly and part != "unlabelled" and (defects.is_root(path) or defects.is_part(path)):
        for own, frame in defects.parts(path, task, gathering.findings):
            gathering.hold(frame, _numbers(frame), own if part == "train" else part, path / own, sought)
        return
    bare = not any(inner.is_dir() and not inner.name.startswith(".") for inner in path.iterdir())
    if part == "unlabelled":
        frame = folders.flat(path, task.inputs[0])
    elif task.anomaly and bare and part != "test":
        frame = gathering.with_labels(folders.flat(path, task.inputs[0]), sought, path)
    else:
        aside = masks.mask_folder(path) if task.anomaly else None
        frame = folders.class_folders(path, task.inputs[0], task.label, aside)
        frame = masks.with_masks(frame, aside, task, gathering.findings)
    frame = celeba.with_boxes(frame) if sought.layout == celeba.NAME else frame
    if part != "train" or "split" not in frame.columns:
        gathering.hold(frame, _numbers(frame), part, path, sought)
        return
    for name in frame["split"].unique(maintain_order=True).to_list():
        rows = frame.filter(pl.col("split") == name)
        gathering.hold(rows, _numbers(rows), SPELLINGS[name.lower()], path / name, sought)


def _has_table(folder: Path) -> bool:
    """Return whether a table lies in the folder itself; a note as .txt or .json is none where pictures are sought."""
    tables = [file for file in folder.iterdir() if read.ending_of(file) not in ("", ".txt", ".json")]
    return any(not file.name.startswith(".") and not file.name.endswith(read.REJECTED) for file in tables)


def _numbers(frame: pl.DataFrame) -> Ints:
    return np.arange(1, frame.height + 1, dtype=np.int64)
