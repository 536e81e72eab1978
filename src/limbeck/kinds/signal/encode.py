"""A window in, arrays out: levelled, scaled, held against its record; by the same code in training and serving.

Cutting, resampling and filtering are done where rows are read (`limbeck.data`); what happens here is a function of the
row alone, which carries what its record looks like. The network gets the window and its difference from the record's
median beat in the same unit; RR intervals as logarithms of ratios to the record's own, which no unit and no resting
rate moves; and, where asked for, features of the window as a branch of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.defaults import NothingLearned
from limbeck.kinds.kind import Shapes, largest_batch
from limbeck.kinds.signal.columns import AFTER, BEAT, BEFORE, RECORD, RHYTHM, SIGNAL, TIME, array_column, usual
from limbeck.kinds.signal.features import count_of, features_of
from limbeck.kinds.signal.reading.formats.windows import levelled
from limbeck.kinds.signal.reading.record_context import REFERENCES, references, references_column
from limbeck.kinds.text.encoding.ragged import arrays_beside, taken_beside
from limbeck.recipe import Input, Task

Floats = NDArray[np.float32]
NUMBERS = 20  # of the rhythm
RESTING = 0.8  # s: what an RR interval without a record is held against
_PLACE = "signal.place"
_NO_NUMBER = "a sample is no number"
LOWEST = 0.02  # mV: a lead is not blown up by more than this allows
_COST = 4  # samples that count as one token: batches of some 64 heartbeats, which an LSTM answers faster than more


@dataclass(frozen=True)
class Signals:
    """N encoded windows, with the same few operations as `Ragged`, `Dense` and `Pictures`.

    Attributes
    ----------
    beats
        float32 [N, C, T]: the leads, then, where the recipe wants it, their differences from the record's median beat.
    rhythm
        float32 [N, 20], 0 where missing; no columns where the recipe wants none.
    features
        float32 [N, F]; no columns where the recipe names none.
    leads
        How many of the channels are leads.
    offset, target, hidden, view
        What training gives beside them; see `Dense`.
    """

    beats: Floats
    rhythm: Floats
    features: Floats
    leads: int
    offset: Floats | None = None
    target: Floats | None = None
    hidden: Floats | None = None
    view: Signals | None = None

    @property
    def padded(self) -> bool:
        """Whether a row is padded to the longest of its batch: never."""
        return False

    def __len__(self) -> int:
        return len(self.beats)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The cost of each row, int64 [N], all alike."""
        return np.full(len(self), max(1, self.beats.shape[1] * self.beats.shape[2] // _COST), dtype=np.int64)

    def take(self, rows: NDArray[np.int64]) -> Signals:
        """Return the given rows, in the given order."""
        parts = self.beats[rows], self.rhythm[rows], self.features[rows]
        return Signals(*parts, self.leads, **taken_beside(self, rows))

    def arrays(self, rows: NDArray[np.int64]) -> dict[str, np.ndarray]:
        """Return the arrays of the chosen rows by name; one without columns is left out."""
        named = {"beats": self.beats, "rhythm": self.rhythm, "features": self.features}
        return {name: array[rows] for name, array in named.items() if array.shape[1]}


class SignalInput(NothingLearned):
    """Levelling, scaling, rhythm and features; see the module's lines.

    Parameters
    ----------
    settings
        The ``[input]`` section of the recipe, of which ``[input.signal]`` counts.
    """

    most = 256  # rows of a batch
    window = 4096  # rows that are encoded together

    def __init__(self, settings: Input) -> None:
        super().__init__(settings)
        self.signal = settings.signal

    @property
    def channels(self) -> int:
        """Channels C of the window."""
        return len(self.signal.leads) * (2 if self.signal.record else 1)

    @property
    def shape(self) -> tuple[int, int]:
        """Leads L and samples T of a window."""
        return len(self.signal.leads), self.signal.samples

    @property
    def numbers(self) -> tuple[int, int]:
        """How many numbers of rhythm, and of features."""
        leads, samples = self.shape
        counted = count_of(self.signal.features, leads, samples, self.signal.rate)
        return NUMBERS if self.signal.rhythm else 0, counted

    def encode(self, rows: pl.DataFrame) -> Signals:
        """Encode N rows.

        Raises
        ------
        LimbeckError
            When a window has another shape, or a sample that is no number.
        """
        settings = self.signal
        windows = levelled(windows_of(rows, self.shape), settings.level)
        beat = _array(rows, BEAT, windows.shape[1] * windows.shape[2]).reshape(windows.shape)
        alone = np.asarray(np.isnan(beat)).any(axis=(1, 2))
        beat = np.where(np.reshape(alone, (-1, 1, 1)), windows, beat)
        beats = scaled(windows, beat, settings.scale, with_record=settings.record)
        nothing = np.empty((len(windows), 0), dtype=np.float32)
        rhythm = rhythm_of(rows) if settings.rhythm else nothing
        features = nothing
        if settings.features:
            leads = np.ascontiguousarray(beats[:, : self.shape[0]])
            features = features_of(leads, settings.features, settings.rate, settings.reach[0])
        return Signals(beats, rhythm, features, self.shape[0])

    def encode_each(self, rows: pl.DataFrame) -> tuple[Signals, dict[int, LimbeckError]]:
        """Encode rows; one with a sample that is no number is flat, and its place and error are in the dictionary."""
        try:
            return self.encode(rows), {}
        except LimbeckError:
            bad = unreadable_windows(rows, self.shape)
            if not len(bad):
                raise
        windows = windows_of(rows, self.shape, strict=False)
        windows[bad] = 0.0
        filled = rows.with_columns(array_column(SIGNAL, windows))
        return self.encode(filled), {int(at): LimbeckError(_NO_NUMBER) for at in bad}

    def with_record(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows that name their records with what each record looks like, worked out over all of these rows.

        Raises
        ------
        LimbeckError
            When a window has another shape than the bundle reads.
        """
        windows_of(rows, self.shape, strict=False)
        if BEAT in rows.columns or not {RECORD, TIME, BEFORE, AFTER} <= set(rows.columns):
            return rows
        try:
            windows = levelled(windows_of(rows, self.shape), self.signal.level)
        except LimbeckError:
            bad = unreadable_windows(rows, self.shape)
            if not len(bad):
                raise
            # As where records are read: what cannot be read is no part of its record.
            places = np.arange(rows.height)
            good = np.setdiff1d(places, bad)
            if not len(good):
                return rows
            known = self.with_record(rows[good]).select(pl.Series(_PLACE, good), BEAT, RHYTHM)
            numbered = rows.with_columns(pl.Series(_PLACE, places))
            return numbered.join(known, on=_PLACE, how="left", maintain_order="left").drop(_PLACE)
        rr = usual(np.stack([_numbers(rows, BEFORE), _numbers(rows, AFTER)], axis=1))
        records = np.array([str(name) for name in rows[RECORD].to_list()], dtype=object)
        beat, rhythm = references(windows, records, _numbers(rows, TIME), rr)
        return rows.with_columns(references_column(BEAT, beat), references_column(RHYTHM, rhythm))

    def blank(self, task: Task) -> pl.DataFrame:
        """Return one flat window."""
        return signal_rows(np.zeros((1, *self.shape), dtype=np.float32))

    def completed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the windows with what their record says; see `with_record`."""
        return self.with_record(rows)

    def largest(self, rows: Signals, one: Mapping[str, NDArray[Any]], tokens: int) -> list[Shapes]:
        """Return array name -> shape for the batches that can take most; see `largest_batch`."""
        return largest_batch(rows, one, tokens, self.most)

    def batch(self, rows: Signals, which: NDArray[np.int64]) -> dict[str, np.ndarray]:
        """Return ``beats``, ``rhythm`` and ``features`` of the chosen rows, and what stands beside them."""
        batch = rows.arrays(which)
        if rows.view is not None:
            batch |= {f"view_{name}": array for name, array in rows.view.arrays(which).items()}
        return batch | arrays_beside(rows, which)


def scaled(windows: Floats, beat: Floats, scale: str, *, with_record: bool) -> Floats:
    """Return the channels float32 [N, C, T] of windows and their records' median beats, both [N, L, T] in mV."""
    if scale == "none":
        unit: Floats | np.float32 = np.float32(1.0)
    else:
        unit = np.maximum((beat if scale == "record" else windows).std(axis=2, keepdims=True), np.float32(LOWEST))
    channels = [windows / unit]
    if with_record:
        channels.append((windows - beat) / unit)
    return np.concatenate(channels, axis=1).astype(np.float32)


def rhythm_of(rows: pl.DataFrame) -> Floats:
    """Return the rhythm float32 [N, 20] of rows: ratios of RR intervals, ranks, and what is missing.

    De Chazal et al. 2004 (section III-D) take the intervals before and after, the record's mean and a local mean. Here
    they are ratios, on a logarithmic scale, to the record's median, mean, quartiles and the neighbourhood: where half
    of a record is premature its median says nothing, and the quartiles do. What is missing is 0, the value of a steady
    heart, and marked by the last three columns.
    """
    intervals = usual(np.stack([_numbers(rows, BEFORE), _numbers(rows, AFTER)], axis=1))
    known = _array(rows, RHYTHM, len(REFERENCES)).astype(np.float64)
    before, after = intervals.T
    median, mean, lower, upper, local, rank_before, rank_after = known.T
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = [
            (before, median), (after, median), (before, after), (before, local), (after, local), (local, median),
            (before, mean), (before, upper), (before, lower), (after, upper), (after, lower), (upper, lower),
            ((before + after) / 2, mean), (before, RESTING), (after, RESTING),
        ]  # fmt: skip
        columns = [3.0 * np.clip(np.log(above / below), -1.5, 1.5) for above, below in ratios]
    columns += [3.0 * (rank_before - 0.5), 3.0 * (rank_after - 0.5)]
    missing = [np.isnan(before), np.isnan(after), np.isnan(median)]
    numbers = np.nan_to_num(np.stack(columns, axis=1), nan=0.0, posinf=0.0, neginf=0.0)
    return np.concatenate([numbers, np.stack(missing, axis=1)], axis=1).astype(np.float32)


def unreadable_windows(rows: pl.DataFrame, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return the places of the windows that hold a sample that is no number, int64; see `windows_of`."""
    flat = windows_of(rows, shape, strict=False).reshape(rows.height, -1)
    return np.flatnonzero(~np.atleast_1d(np.isfinite(flat).all(axis=1)))


def windows_of(rows: pl.DataFrame, shape: tuple[int, int], *, strict: bool = True) -> Floats:
    """Return the windows of rows, float32 [N, L, T]; ``strict`` refuses samples that are no numbers.

    Raises
    ------
    LimbeckError
        When a window has another shape, or a sample that is no number.
    """
    if SIGNAL not in rows.columns:
        raise LimbeckError(f"there is no column {SIGNAL!r} of windows", where="predict")
    column = rows[SIGNAL]
    leads, samples = shape
    try:
        windows = np.array(column.to_list() if column.dtype == pl.List else column.to_numpy(), dtype=np.float32)
    except (TypeError, ValueError) as error:
        what = f"windows are not all of {leads} x {samples} numbers"
        raise LimbeckError(what, where="predict", fix="cut them alike") from error
    if windows.ndim == 2 and leads == 1:
        windows = windows[:, None, :]
    if len(windows) and windows.shape[1:] != shape:
        what = f"windows of {list(windows.shape[1:])} where {leads} leads x {samples} samples are wanted"
        raise LimbeckError(what, where="predict", fix="see [input.signal] in bundle.json")
    if not strict:
        return windows.reshape(-1, leads, samples)
    good = np.isfinite(windows.reshape(len(windows), leads * samples)).all(axis=1)
    bad = np.atleast_1d(~np.asarray(good))
    if bad.any():
        raise LimbeckError(_NO_NUMBER, where=f"value {int(np.flatnonzero(bad)[0])}")
    return windows.reshape(-1, leads, samples)


def signal_rows(values: object) -> pl.DataFrame:
    """Return windows given from Python as rows.

    Values are a frame with the column ``signal``, and ``record``, ``time``, ``rr_before``, ``rr_after`` where they are
    known, which then give every row its record; or windows alone: an array [N, L, T] or [N, T], or a list of such.

    Raises
    ------
    LimbeckError
        When they are neither.
    """
    if isinstance(values, pl.DataFrame):
        if SIGNAL not in values.columns:
            raise LimbeckError(f"there is no column {SIGNAL!r} of windows", where="predict")
        return values
    if not isinstance(values, np.ndarray | Sequence) or isinstance(values, str | bytes):
        what = f"a {type(values).__name__} where windows are wanted"
        raise LimbeckError(what, fix="give an array [N, leads, samples] in mV, or a frame with the column signal")
    try:
        windows = np.array(values, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise LimbeckError("these are no windows of one length", where="predict", fix="cut them alike") from error
    if not len(values):
        return pl.DataFrame({SIGNAL: pl.Series([], dtype=pl.List(pl.Float32))})
    if windows.ndim not in (2, 3) or not windows.size:
        raise LimbeckError(f"an array {list(windows.shape)} where [N, leads, samples] is wanted", where="predict")
    return pl.DataFrame([array_column(SIGNAL, windows if windows.ndim == 3 else windows[:, None, :])])


def _numbers(rows: pl.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in rows.columns:
        return np.full(rows.height, np.nan)
    return np.asarray(rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy(), dtype=np.float64)


def _array(rows: pl.DataFrame, name: str, width: int) -> Floats:
    """Return a column of arrays as float32 [N, width], NaN where it is null or not there."""
    out = np.full((rows.height, width), np.nan, dtype=np.float32)
    if name not in rows.columns:
        return out
    there = rows[name].is_not_null().to_numpy()
    values = rows[name].drop_nulls()
    if len(values):
        found = np.asarray(values.to_numpy(), dtype=np.float32).reshape(len(values), -1)
        if found.shape[1] == width:
            out[there] = found
    return out
