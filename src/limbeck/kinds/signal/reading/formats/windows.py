"""Windows that are cut already: beats in ``.npz``, and the tables of the UCR archive.

``.npz`` holds ``x`` [N, T] or [N, L, T] with the R peak in the middle: int16 in units of which ``gain`` (200) make a
millivolt, or floats in mV, at ``fs`` (360) Hz; ``y`` the class; and where they are known ``record``, ``rpeak`` and
``rr`` (samples), ``symbol``, ``patient``, ``split``. The UCR archive (Dau et al. 2019) writes one series a line, its
label first, tabs between, without a rate: such a series is stretched to the window that the network reads.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError, first_line
from limbeck.files import DAMAGED_ZIP
from limbeck.kinds.signal.columns import PACED, Beats, usual
from limbeck.kinds.signal.filters import filtered, ratio, resampled, taps_of
from limbeck.messages.message import Message, message
from limbeck.recipe import Signal

RATE, GAIN = 360.0, 200.0
MOST = 2 * 2**30  # bytes of arrays that are unpacked
MOST_LEADS = 64
_SPLITS = {"DS1_train": "train", "DS2_test": "test"}
_OUT = "paced_excluded"
Floats = NDArray[np.float64]


def read_npz(path: Path, settings: Signal) -> tuple[Beats, NDArray[np.float64], list[Message]]:
    """Return the beats of an ``.npz`` file, their windows as written in mV [N, L, n], and what was found on the way.

    Raises
    ------
    LimbeckError
        When the file is none, misses arrays, or holds windows shorter than those asked for.
    """
    arrays = arrays_in(path)
    if "x" not in arrays:
        raise LimbeckError(message("record.no_windows"), where=path, fix=message("fix.array_x"))
    x = arrays["x"]
    x = x[:, None, :] if x.ndim == 2 else x
    if x.ndim != 3 or not 1 <= x.shape[1] <= MOST_LEADS or x.dtype.kind not in "iuf":
        what = message("record.windows_shape", kind=str(x.dtype), shape=str(list(x.shape)))
        raise LimbeckError(what, where=path)
    count = len(x)
    for name, array in arrays.items():
        if name in ("fs", "gain") and array.size != 1:
            raise LimbeckError(message("record.no_single_number", name=name), where=path)
        if name not in ("x", "fs", "gain") and array.shape[:1] != (count,):
            what = message("record.rows_differ", name=name, found=str(array.shape[:1]), count=count)
            raise LimbeckError(what, where=path)
    rate, gain = (positive(arrays, name, usual_, path) for name, usual_ in (("fs", RATE), ("gain", GAIN)))
    findings = []
    split = _texts(arrays, "split")
    keep = np.ones(count, dtype=bool)
    if split is not None:
        keep = np.array([name != _OUT for name in split], dtype=bool)
        split = [_SPLITS.get(name, name) for name in split]
    if not keep.all():
        count_out = int((~keep).sum())
        findings.append(message("data.paced_left_out", count=count_out, file=path.name, records=sorted(PACED)))
    kept = np.flatnonzero(keep)
    whole = x[kept].astype(np.float64)
    if x.dtype.kind in "iu":
        whole /= gain
    signal = centred(whole, rate, settings, path)
    record = _texts(arrays, "record")
    rr = np.full((count, 2), np.nan)
    if "rr" in arrays:
        if arrays["rr"].shape != (count, 2) or arrays["rr"].dtype.kind not in "iuf":
            raise LimbeckError(message("record.rr"), where=path)
        rr = usual(arrays["rr"].astype(np.float64) / rate)
    time = arrays["rpeak"].astype(np.float64) / rate if "rpeak" in arrays else np.full(count, np.nan)
    chosen = [_chosen(values, kept) for values in (record, _texts(arrays, "y"), _texts(arrays, "symbol"))]
    records, labels, symbols = chosen
    beats = Beats(
        signal, records or [""] * len(kept), time[kept], rr[kept], kept.astype(np.int64) + 1, labels, symbols,
        _chosen(_texts(arrays, "patient"), kept), _chosen(split, kept), known=record is not None and "rpeak" in arrays,
    )  # fmt: skip
    return beats, whole, findings


def read_ucr(path: Path, settings: Signal) -> tuple[Beats, Floats, list[Message]]:
    """Return the series of a UCR table as windows, stretched to the length that is asked for; see `read_npz`."""
    try:
        table = np.loadtxt(path, delimiter="\t", dtype=np.float64, ndmin=2, encoding="utf-8-sig")
    except (OSError, ValueError, UnicodeDecodeError) as error:
        what = message("record.series", error=first_line(error))
        raise LimbeckError(what, where=path, fix=message("fix.series")) from error
    if table.shape[1] < 9 or not np.isfinite(table[:, 0]).all():
        raise LimbeckError(message("record.columns", count=table.shape[1]), where=path)
    whole = table[:, None, 1:]
    signal = stretched(whole, settings.samples)
    labels = [f"{value:g}" for value in table[:, 0].tolist()]
    missing = np.full(len(table), np.nan)
    own = [f"{path.stem}:{row}" for row in range(1, len(table) + 1)]  # nobody says whose they are
    beats = Beats(
        signal, [""] * len(table), missing, np.full((len(table), 2), np.nan),
        np.arange(1, len(table) + 1, dtype=np.int64), labels, patient=own, known=False,
    )  # fmt: skip
    stretch = {"count": whole.shape[2], "wanted": settings.samples}
    return beats, whole, [message("data.windows_stretched", file=path.name, **stretch)]


def is_ucr(path: Path) -> bool:
    """Return whether a file looks like a UCR table: numbers alone in its first line, at least nine."""
    if path.suffix.lower() not in (".tsv", ".txt"):
        return False
    try:
        with path.open(encoding="utf-8-sig") as file:
            cells = file.readline(2**20).strip().split("\t")
        return len(cells) >= 9 and all(np.isfinite(float(cell)) or cell.lower() == "nan" for cell in cells)
    except (OSError, ValueError, UnicodeDecodeError):
        return False


def centred(whole: Floats, rate: float, settings: Signal, where: object) -> NDArray[np.float32]:
    """Cut windows float64 [N, L, n] with the R peak in the middle to those that are asked for, float32 [N, L, T].

    The filter of the settings sees nothing beyond the window; its first and last values go on there.
    """
    before, after = settings.reach
    step = ratio(settings.rate, rate)
    span, start, end = native(settings, rate)
    middle = whole.shape[2] // 2
    if start > middle or end > whole.shape[2] - middle:
        what = message("record.reach", have=middle / rate, before=settings.before, after=settings.after)
        raise LimbeckError(what, where=where, fix=message("fix.reach"))
    taps = taps_of(settings, rate)
    if taps is not None:
        flat = whole.reshape(-1, whole.shape[2])
        whole = filtered(flat, taps).reshape(whole.shape)
    cut = whole[:, :, middle - start : middle - start + span]
    return fit_length(resampled(cut, step.numerator, step.denominator), before + after)


def native(settings: Signal, rate: float) -> tuple[int, int, int]:
    """Return how many samples at ``rate`` Hz a window spans, how many before the R peak, and how many from it on."""
    before, after = settings.reach
    start = round(before * rate / settings.rate)
    span = max(start + 1, int(np.ceil((before + after) * rate / settings.rate)))
    return span, start, span - start


def levelled(windows: NDArray[np.float32], level: str) -> NDArray[np.float32]:
    """Take the baseline out of windows float32 [N, L, T]: their ``median``, a straight ``line``, or none.

    The line is that of least squares over the first and the last quarter, where no QRS complex pulls at it.
    """
    if level == "none" or not windows.size:
        return windows
    middle = np.median(windows, axis=2, keepdims=True)
    if level == "median":
        return np.asarray(windows - middle, dtype=np.float32)
    count = windows.shape[2]
    place = np.arange(count, dtype=np.float64) - (count - 1) / 2
    ends = np.abs(place) >= (count - 1) / 4
    slope = (windows[:, :, ends] @ place[ends])[..., None] / (place[ends] ** 2).sum()
    return np.asarray(windows - slope * place - windows[:, :, ends].mean(axis=2, keepdims=True), dtype=np.float32)


def fit_length(windows: Floats, samples: int) -> NDArray[np.float32]:
    """Cut windows [..., n] to ``samples``, or go on with their last value where rounding left them short."""
    short = samples - windows.shape[-1]
    if short > 0:
        windows = np.concatenate([windows, np.repeat(windows[..., -1:], short, axis=-1)], axis=-1)
    return np.ascontiguousarray(windows[..., :samples], dtype=np.float32)


def stretched(whole: Floats, samples: int) -> NDArray[np.float32]:
    """Stretch windows float64 [N, L, n] to ``samples``."""
    step = ratio(float(samples), float(whole.shape[2]))
    return fit_length(resampled(whole, step.numerator, step.denominator), samples)


def arrays_in(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file by name; raises LimbeckError for anything else, and for too much in it."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > MOST:
            raise LimbeckError(message("record.unpacks", count=size, most=MOST), where=path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:  # numpy leaves a broken file open
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, *DAMAGED_ZIP) as error:
        what = message("record.npz", error=first_line(error))
        raise LimbeckError(what, where=path, fix=message("fix.savez")) from error


def positive(arrays: dict[str, NDArray[Any]], name: str, default: float, path: Path) -> float:
    """Return the number of an array that holds one, ``default`` where there is none; raises LimbeckError."""
    try:
        value = float(arrays[name].reshape(-1)[0]) if name in arrays else default
    except (TypeError, ValueError) as error:
        raise LimbeckError(message("record.no_number", name=name), where=path) from error
    if not 0 < value < 1e6:
        what = message("record.number", name=name, value=value)
        raise LimbeckError(what, where=path, fix=message("fix.above_zero"))
    return value


def _texts(arrays: dict[str, NDArray[Any]], name: str) -> list[str] | None:
    return [str(value) for value in arrays[name].tolist()] if name in arrays else None


def _chosen(values: list[str] | None, rows: NDArray[np.int64]) -> list[str] | None:
    return None if values is None else [values[row] for row in rows]
