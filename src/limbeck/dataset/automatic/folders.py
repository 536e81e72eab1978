"""What folders of pictures and of recordings are: class folders, published layouts, records, windows cut already."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from limbeck.data.split import SPELLINGS
from limbeck.dataset.automatic.table import TEST, VALID
from limbeck.kinds.image.portfolio import sides_of
from limbeck.kinds.image.reading.layouts import mvtec
from limbeck.kinds.image.reading.layouts.class_folders import picture_files
from limbeck.kinds.sample import Sample
from limbeck.kinds.signal.reading.formats.windows import is_ucr
from limbeck.messages.message import Message, message

Tables = dict[str, dict[str, Any]]
Found = tuple[Tables, Path, Sample, list[Message]]
_LOOKED = 64


def pictures_in(folder: Path, task: str | None) -> Found:
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
    if not parts and not normal:
        tables["data"]["split"] = {"valid": VALID, "test": TEST}
        lines.append(message("automatic.drawn", valid=VALID, test=TEST))
    tables["data"]["leakage"] = "warn"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of broken notes in pictures
        sides = sides_of(files[:: max(1, len(files) // _LOOKED)])
    classes = max(2, len(tops))
    return tables, folder, Sample(len(files), classes, sides=sides), lines


def signals_in(source: Path, task: str | None) -> Found:
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
    records = sum(file.suffix.lower() == ".hea" for file in files)
    return tables, folder, Sample(2000 * max(records, 1), 2), [message("automatic.records", count=records)]


def _series(files: list[Path], folder: Path, tables: Tables) -> Found:
    train = next((file for file in files if "train" in file.stem.lower()), files[0])
    test = next((file for file in files if "test" in file.stem.lower() and file is not train), None)
    tables["data"]["train"] = train.name
    if test is not None:
        tables["data"] |= {"test": test.name, "split": {"valid": 0.2}}
    with train.open(encoding="utf-8-sig") as opened:
        rows = [line.split("\t") for line in opened if line.strip()]
    length, classes = len(rows[0]) - 1, len({row[0] for row in rows})
    tables["input"] = {"signal": _whole(length)}
    lines = [message("automatic.series", count=len(rows), length=length, classes=classes)]
    return tables, folder, Sample(len(rows), classes, length=length), lines


def _whole(length: int) -> dict[str, Any]:
    """Return the settings of a series that is read whole: as many samples as it has, without heart beats in it."""
    samples = min(max(length, 20), 1024)
    half = samples / 2 / 100.0
    return {"rate": 100.0, "before": half, "after": half, "record": False, "rhythm": False, "scale": "window"}


def _windows(file: Path, folder: Path, tables: Tables) -> Found:
    import numpy as np

    tables["data"]["train"] = file.name
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
        names = list(stored.files)
        count, length = (stored["x"].shape[0], stored["x"].shape[-1]) if "x" in names else (0, 0)
        classes = len(np.unique(stored["y"])) if "y" in names else 2
        rate = float(stored["fs"].reshape(-1)[0]) if "fs" in names else 360.0
    if "split" in names:
        tables["data"]["split"] = "split"
    lines = [message("automatic.windows", count=count, length=length, rate=rate, classes=classes)]
    if "split" not in names:
        group = {"group": "patient"} if "patient" in names else {}
        tables["data"]["split"] = {"valid": VALID, "test": TEST, **group}
    tables["data"]["leakage"] = "warn"
    reach = min(0.355, length / 2 / rate * 0.99)
    tables["input"] = {"signal": {"rate": min(180.0, rate), "before": reach, "after": reach}}
    return tables, folder, Sample(count, classes, length=length), lines
