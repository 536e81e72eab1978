"""What folders of pictures and of recordings are: class folders, published layouts, records, windows cut already."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data.split import SPELLINGS
from limbeck.dataset.automatic.file_names import RECORDING, tell_recordings
from limbeck.dataset.automatic.table import TEST, VALID
from limbeck.dataset.automatic.understood import Understood
from limbeck.kinds.image.portfolio import sides_of
from limbeck.kinds.image.reading.layouts import mvtec
from limbeck.kinds.image.reading.layouts.class_folders import picture_files
from limbeck.kinds.sample import Sample
from limbeck.kinds.signal.reading.formats.windows import RATE, arrays_in, is_ucr, positive
from limbeck.kinds.signal.reading.read import RECORDS
from limbeck.messages.message import Message, message

Tables = dict[str, dict[str, Any]]
_LOOKED = 64


def pictures_in(folder: Path, task: str | None) -> Understood:
    """Return what a folder of pictures is: an anomaly set in a published layout, or class folders."""
    files = picture_files(folder)
    lines = [message("automatic.pictures", count=len(files))]
    normal = mvtec.is_root(folder) or task == "anomaly"
    tables: Tables = {"task": {"kind": "anomaly-image" if normal else "image"}, "data": {"train": "."}}
    tops = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    parts = bool(tops) and all(name.lower() in SPELLINGS for name in tops)
    if normal:
        lines.append(message("automatic.anomaly_pictures"))
    else:
        names = sorted(one.name for one in (folder / tops[0]).iterdir() if one.is_dir()) if parts else tops
        lines.append(message("automatic.class_folders", count=len(names), names=names[:12]))
    if not normal:
        tables["data"] = _parts(tops, lines) if parts else {"train": ".", "split": {"valid": VALID, "test": TEST}}
        if not parts:
            lines.append(message("automatic.drawn", valid=VALID, test=TEST))
        if tell_recordings(file.relative_to(folder).as_posix() for file in files):
            tables["data"]["derive"] = {"recording": {"column": "path", "pattern": RECORDING}}
            tables["evaluation"] = {"group": "recording"}
            lines.append(message("automatic.recordings"))
    tables["data"]["leakage"] = "warn"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of broken notes in pictures
        sides = sides_of(files[:: max(1, len(files) // _LOOKED)])
    classes = max(2, len(tops))
    return Understood(tables, folder, Sample(len(files), classes, sides=sides), lines)


def _parts(tops: list[str], lines: list[Message]) -> dict[str, Any]:
    """Return the data section of folders named by parts.

    Where there are rows for validation and none for test, they become the test: people keep them apart with care
    (other tracks, people, days), and what is compared is compared by cross-validation in any case.
    """
    named = {SPELLINGS[name.lower()]: name for name in tops}
    if set(named) != {"train", "valid"}:
        return {"train": "."}
    lines.append(message("automatic.held_out", part=named["valid"], valid=VALID))
    return {"train": named["train"], "test": named["valid"], "split": {"valid": VALID}}


def signals_in(source: Path, task: str | None) -> Understood:
    """Return what a file or folder of recordings is: WFDB records, windows in ``.npz``, a pair of UCR tables."""
    folder = source if source.is_dir() else source.parent
    tables: Tables = {"task": {"kind": "anomaly-signal" if task == "anomaly" else "signal"}, "data": {}}
    files = sorted(folder.iterdir()) if source.is_dir() else [source]
    series = [file for file in files if is_ucr(file)]
    windows = [file for file in files if file.suffix.lower() == ".npz"]
    if series:
        return _series(series, folder, tables)
    if windows:
        return _windows(windows[0], folder, tables)
    tables["data"]["train"] = "." if source.is_dir() else source.name
    records = sum(file.suffix.lower() in RECORDS for file in files)
    return Understood(tables, folder, Sample(2000 * max(records, 1), 2), [message("automatic.records", count=records)])


def _series(files: list[Path], folder: Path, tables: Tables) -> Understood:
    train = next((file for file in files if "train" in file.stem.lower()), files[0])
    test = next((file for file in files if "test" in file.stem.lower() and file is not train), None)
    tables["data"]["train"] = train.name
    if test is not None:
        tables["data"] |= {"test": test.name, "split": {"valid": 0.2}}
    with train.open(encoding="utf-8-sig", errors="replace") as opened:
        rows = [line.split("\t") for line in opened if line.strip()]
    length, classes = len(rows[0]) - 1, len({row[0] for row in rows})
    tables["input"] = {"signal": _whole(length)}
    lines = [message("automatic.series", count=len(rows), length=length, classes=classes)]
    return Understood(tables, folder, Sample(len(rows), classes, length=length), lines)


def _whole(length: int) -> dict[str, Any]:
    """Return the settings of a series that is read whole: as many samples as it has, without heart beats in it."""
    samples = min(max(length, 20), 1024)
    half = samples / 2 / 100.0
    return {"rate": 100.0, "before": half, "after": half, "record": False, "rhythm": False, "scale": "window"}


def _windows(file: Path, folder: Path, tables: Tables) -> Understood:
    tables["data"]["train"] = file.name
    arrays = arrays_in(file)
    x = arrays.get("x", np.empty((0, 1)))
    count, length = len(x), x.shape[-1]
    classes = len(np.unique(arrays["y"])) if "y" in arrays else 2
    rate = positive(arrays, "fs", RATE, file)
    if "split" in arrays:
        tables["data"]["split"] = "split"
    lines = [message("automatic.windows", count=count, length=length, rate=rate, classes=classes)]
    if "split" not in arrays:
        group = {"group": "patient"} if "patient" in arrays else {}
        tables["data"]["split"] = {"valid": VALID, "test": TEST, **group}
    tables["data"]["leakage"] = "warn"
    reach = min(0.355, length / 2 / rate * 0.99)
    tables["input"] = {"signal": {"rate": min(180.0, rate), "before": reach, "after": reach}}
    return Understood(tables, folder, Sample(count, classes, length=length), lines)
