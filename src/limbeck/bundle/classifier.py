"""A loaded bundle: raw values in, probabilities out, on every core and in the order given."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.bundle import check_answers as answers
from limbeck.bundle.answer import Answers, margins, names_of, readable, spread
from limbeck.bundle.engine import Answer, Engine, Probabilities
from limbeck.bundle.manifest import FILE, Manifest, read_manifest
from limbeck.bundle.onnx.largest_batch import largest_batches
from limbeck.bundle.version import model_version
from limbeck.data.file_changes import marks_now
from limbeck.errors import LimbeckError, first_line
from limbeck.events import check
from limbeck.files import sha256
from limbeck.kinds.explanation import Explanation
from limbeck.kinds.from_memory import checked_values
from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.select import INPUTS, Rows, Unreadable, Values, batch_of, blank, encode, encode_each
from limbeck.kinds.signal.encode import SignalInput, windows_of
from limbeck.kinds.table.dense import Dense
from limbeck.kinds.text.ragged import batches
from limbeck.model_names import model_path
from limbeck.process.cores import cores
from limbeck.process.forks import made_anew

_UNREADABLE = ("raise", "nan")
_ATTEMPTS = 4  # to read a bundle that is being replaced
MAP = "map"  # the output of a graph that says where
# Small batches stay in the processor's cache; measured on ALBERT and GRU, twice as many tokens were no faster.
TOKENS, ROWS = 4096, 256
WINDOW = 4096
# A row of a table costs so little that larger parts pay: calling the model and the reader is most of it.
TABLE_ROWS, TABLE_WINDOW = 1024, 16384
EXPLAINED = 64  # rows that are explained together
PICTURE_WINDOW, PICTURE_BYTES = 1024, 32 * 2**20  # pictures of a window at most, and bytes of their pixels


class Classifier:
    """A verified bundle, ready to answer.

    Parameters
    ----------
    path
        The bundle's folder, or its name in the registry: "models:NAME", "models:NAME@VERSION".
    threads
        Batches answered at once; by default one for each core. With 0 there is no pool: rows are encoded, pictures
        decoded and batches answered in the calling thread, for programs with threads of their own. (polars reads tables
        and signals by its one pool for the whole process; POLARS_MAX_THREADS sets its size.)
    model
        Model file to use instead of the one that the bundle serves with, e.g. ``model.onnx``.

    Raises
    ------
    LimbeckError
        When the folder is no bundle, or is damaged, or unsafe.
    """

    def __init__(self, path: str | Path, *, threads: int | None = None, model: str | None = None) -> None:
        self.path = model_path(path)
        for attempt in range(_ATTEMPTS):
            # A training may put its new bundle in the place of this one while it is read: its parts must be of one.
            before = marks_now(self.path / FILE)
            try:
                self._open(threads, model)
            except LimbeckError:
                if marks_now(self.path / FILE) == before or attempt == _ATTEMPTS - 1:
                    raise
                continue
            if marks_now(self.path / FILE) == before:
                break
            self.close()
        else:
            mend = "load it once nothing writes to it"
            raise LimbeckError("the bundle changes while it is read", where=self.path, mend=mend)
        made_anew(self)

    def _open(self, threads: int | None, model: str | None) -> None:
        self.manifest: Manifest = read_manifest(self.path)
        file = self.path / (model or self.manifest.serve)
        self.model = file.name
        if file.name not in self.manifest.files:
            raise LimbeckError("no such model in this bundle", where=file)
        self.encoder = INPUTS[self.manifest.task.rows].load(self.manifest.input, self.path)
        if threads is not None and threads < 0:
            raise LimbeckError(f"threads is 0 or more, not {threads}", where="load")
        self.threads = cores() if threads is None else threads
        if isinstance(self.encoder, ImageInput):
            self.encoder.workers = max(1, self.threads)
        rows = self.encode(blank(self.manifest.task, self.encoder))
        made = batch_of(self.encoder, rows, np.arange(1))
        most = TABLE_ROWS if isinstance(rows, Dense) else ROWS
        self._largest = largest_batches(self.encoder, rows, made, tokens=TOKENS, most=most)
        self._engine: Engine | None = Engine(file, self.threads, self._largest)
        self._closed, self._lock = False, threading.Lock()
        self._left: list[Engine | None] = []
        try:
            self._check_fit(file, sorted(made))
        except BaseException:
            self.close()
            raise

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities' columns."""
        return tuple(self.manifest.classes)

    @property
    def threshold(self) -> float:
        """Smallest positive probability that makes a row of two classes positive."""
        return self.manifest.threshold

    @cached_property
    def version(self) -> str:
        """A short hash that names the model: of what makes its answers, and of nothing else; see `model_version`."""
        return model_version(self.manifest, self.model, self.encoder.files)

    @property
    def _session(self) -> Any:
        return self._running().session

    @property
    def _pool(self) -> Executor:
        return self._running().pool

    def _running(self) -> Engine:
        """Return the open model; a process forked from the one that opened it opens it again."""
        if (engine := self._engine) is not None:
            return engine
        with self._lock:
            if self._engine is None:
                file = self.path / self.model
                if sha256(file) != self.manifest.files[self.model]:
                    raise LimbeckError("the bundle has changed since it was loaded", where=file, mend="load it again")
                self._engine = Engine(file, self.threads, self._largest)
                if self._closed:
                    self._engine.pool.shutdown()
            return self._engine

    def after_fork(self) -> None:
        """Forget the parent's threads; see `limbeck.process.forks`."""
        self._left.append(self._engine)  # taking it apart might wait for its threads
        self._engine, self._lock = None, threading.Lock()

    def _check_fit(self, file: Path, made: list[str]) -> None:
        inputs = [given.name for given in self._session.get_inputs()]
        outputs = self._session.get_outputs()
        first = outputs[0] if outputs else None
        shape = (first and first.type == "tensor(float)" and first.shape) or []
        # A side that is a name or None is known at run time only; then every answer is checked all the same.
        wide = len(shape) == 2 and (shape[1] == len(self.classes) or not isinstance(shape[1], int))
        if first is None or sorted(inputs) != made or not wide:
            what = f"the model takes {inputs} and gives {shape}, which is not what bundle.json says"
            raise LimbeckError(what, where=file, mend="copy the bundle again, or export it anew")
        self._output = str(first.name)

    def encode(self, values: Values) -> Rows:
        """Encode raw values as the network wants them."""
        return encode(self.encoder, values)

    def encode_each(self, values: Values) -> tuple[Rows, Unreadable]:
        """Encode raw values, and name those that hold nothing to answer: an empty text, a picture that is none."""
        return encode_each(self.encoder, values)

    @property
    def window(self) -> int:
        """Rows that are encoded together."""
        if isinstance(self.encoder, ImageInput):
            return max(1, min(PICTURE_WINDOW, PICTURE_BYTES // (3 * self.encoder.size**2)))
        return TABLE_WINDOW if self.manifest.task.rows == "table" else WINDOW

    def predict_proba(self, values: Sequence[Any] | pl.DataFrame, *, unreadable: str = "raise") -> Probabilities:
        """Return class probabilities float32 [N, C] of N raw values, calibrated on valid.

        Values are texts; or pictures: paths, Pillow images or uint8 arrays [H, W, 3]; or rows of a table: a list of
        dictionaries, or an array or list of rows with its columns in the order of ``task.input``; or windows of a
        signal, see `limbeck.kinds.signal.encode.signal_rows`. Of a polars or pandas frame ``task.input`` is read.

        Parameters
        ----------
        unreadable
            What becomes of a value that holds nothing to answer (an empty or missing text, a picture that cannot be
            read), which `limbeck predict` rejects: ``"raise"`` an error that names the first, or ``"nan"``: its row is
            NaN, and `predict` names no class for it.

        Raises
        ------
        LimbeckError
            When the values are not what the task reads, or one holds nothing to answer.
        """
        _check_unreadable(unreadable, "predict_proba")
        return self._answered(self._checked(values), raising=unreadable == "raise")[0]

    def answer(self, values: Sequence[Any] | pl.DataFrame) -> Answers:
        """Return label, probabilities, margin, threshold and version of N raw values; see `Answers`.

        A value that cannot be read, or holds nothing to answer, has an error of its own and costs no other its answer.

        Raises
        ------
        LimbeckError
            When the values are no rows at all, as `predict_proba`, or the model cannot be run.
        """
        rows, places, bad, count = readable(values, self._checked)
        answered, empty = self._answered(rows, raising=False)
        bad |= {int(places[at]): error for at, error in empty.items()}
        p = spread(answered, places, count)
        labels = names_of(self.classes, self.decide(p))
        margin = margins(p, self.manifest.positive, self.threshold)
        return Answers(self.classes, labels, p, margin, self.threshold, self.version, dict(sorted(bad.items())))

    def explain(
        self, values: Sequence[Any] | pl.DataFrame, *, top: int = 5, unreadable: str = "raise"
    ) -> list[Explanation | None]:
        """Return what drove the answer to each of N raw values: words, regions, stretches or columns, weighed.

        How the weights are found, and how often the model is asked for one row, is told by `limbeck.kinds.text.explain`
        and its like for other kinds.

        Parameters
        ----------
        top
            Parts of a row at most.
        unreadable
            As in `predict_proba`; with ``"nan"`` a row without an answer has None.

        Raises
        ------
        LimbeckError
            As `predict_proba`.
        """
        _check_unreadable(unreadable, "explain")
        if top < 1:
            raise LimbeckError(f"top is 1 or more, not {top}", where="explain")
        rows, kind = self._checked(values), import_module(f"limbeck.kinds.{self.manifest.task.rows}.explain")
        p, gone = self._answered(rows, raising=unreadable == "raise")
        decided = self.decide(p)
        good = np.setdiff1d(np.arange(len(rows)), sorted(gone))
        out: list[Explanation | None] = [None] * len(rows)
        for start in range(0, len(good), EXPLAINED):
            places = good[start : start + EXPLAINED]
            asked = rows[places] if isinstance(rows, pl.DataFrame) else [rows[at] for at in places.tolist()]
            for at, parts in zip(places.tolist(), kind.explained(self, asked, decided[places], top), strict=True):
                index = int(decided[at])
                out[at] = Explanation(self.classes[index], float(p[at, index]), parts)
        return out

    def features(self, values: Sequence[Any] | pl.DataFrame, *, unreadable: str = "raise") -> NDArray[np.float32]:
        """Return a vector float32 [N, D] for each of N raw values: rows that are alike have vectors that are near.

        They serve to choose diverse rows, to watch drift and to find near copies. They depend on the values and on how
        the bundle reads them, not on its model: the same on every machine but for the last bits. D is the same for all
        rows of a bundle; what the numbers are is told by `limbeck.kinds.text.vectors` and its like for other kinds.

        Parameters
        ----------
        unreadable
            As in `predict_proba`.

        Raises
        ------
        LimbeckError
            As `predict_proba`.
        """
        _check_unreadable(unreadable, "features")
        rows, find = self._checked(values), import_module(f"limbeck.kinds.{self.manifest.task.rows}.vectors").vectors
        parts: list[NDArray[np.float32]] = []
        for at in range(0, max(len(rows), 1), WINDOW):
            found, bad = find(self.encoder, rows[at : at + WINDOW])
            if bad and unreadable == "raise":
                raise _unanswerable(at, bad) from bad[min(bad)]
            found[sorted(bad)] = np.nan
            parts.append(found)
        return np.concatenate(parts)

    def _checked(self, values: Any) -> Values:
        """Return values given from Python as what the encoder reads, all of one shape."""
        rows = checked_values(values, self.manifest.task)
        if isinstance(self.encoder, SignalInput) and isinstance(rows, pl.DataFrame):
            windows_of(rows, self.encoder.shape, strict=False)
            return self.encoder.with_record(rows)
        return rows

    def _answered(self, rows: Values, *, raising: bool) -> tuple[Probabilities, Unreadable]:
        """Return probabilities float32 [N, C], NaN where nothing can be answered, and why; or raise for the first."""
        gone: Unreadable = {}
        starts = range(0, len(rows), self.window)
        # Windows are encoded while the one before is being answered.
        out = self._joined([self.submit(self._readable(rows, at, raising, gone)) for at in starts])
        out[sorted(gone)] = np.nan
        return out, gone

    def probabilities_of(self, rows: Values) -> Probabilities:
        """Return class probabilities float32 [N, C] of rows that `values_of` read for a judgement, empty texts too."""
        rows, window = self._with_record(rows), self.window
        pending = []
        for at in range(0, len(rows), window):
            check()
            pending.append(self.submit(self.encode(rows[at : at + window])))
        return self._joined(pending)

    def _readable(self, rows: Values, at: int, raising: bool, gone: Unreadable) -> Rows:
        """Encode the window that begins at ``at``; note the places that have no answer, or raise for the first."""
        encoded, bad = self.encode_each(rows[at : at + self.window])
        if bad and raising:
            raise _unanswerable(at, bad) from bad[min(bad)]
        gone.update((at + place, error) for place, error in bad.items())
        return encoded

    def _with_record(self, rows: Values) -> Values:
        if isinstance(self.encoder, SignalInput) and isinstance(rows, pl.DataFrame):
            return self.encoder.with_record(rows)
        return rows

    def _joined(self, answers: list[Answer]) -> Probabilities:
        return np.concatenate([answer.result() for answer in answers] or [self._empty()])

    def predict(self, values: Sequence[Any] | pl.DataFrame, *, unreadable: str = "raise") -> list[str | None]:
        """Return the class name of each raw value, by the bundle's threshold; None where `predict_proba` gives NaN."""
        decided = self.decide(self.predict_proba(values, unreadable=unreadable))
        return [self.classes[index] if index >= 0 else None for index in decided.tolist()]

    def decide(self, probabilities: Probabilities) -> NDArray[np.int64]:
        """Return class indices int64 [N]: by threshold for two classes, else the most probable; -1 of a row of NaN."""
        if len(self.classes) > 2:
            decided: NDArray[np.int64] = probabilities.argmax(axis=1)
        else:
            positive = self.manifest.positive
            above = probabilities[:, positive] >= self.threshold
            decided = np.array([1 - positive, positive], dtype=np.int64)[above.astype(np.int64)]
        decided[np.isnan(probabilities).any(axis=1)] = -1
        return decided

    @property
    def mapped(self) -> bool:
        """Whether the bundle can say where in a picture an anomaly is."""
        return any(output.name == MAP for output in self._session.get_outputs())

    def maps(self, values: Sequence[Any] | pl.DataFrame) -> NDArray[np.float32]:
        """Return of N pictures the maps of where they are strange, float32 [N, h, w] on a quarter of the input's grid.

        0 is what is usual, 1 what few normal pictures of valid reach anywhere.

        Raises
        ------
        LimbeckError
            As `predict_proba`; and when the bundle is no detector of pictures.
        """
        if not self.mapped:
            mend = "train one with task.kind = 'anomaly-image'"
            raise LimbeckError("this bundle gives no maps", where=self.path, mend=mend)
        rows = checked_values(values, self.manifest.task)
        found = [self.maps_of(self.encode(rows[at : at + self.window])) for at in range(0, len(rows), self.window)]
        return np.concatenate(found) if found else np.empty((0, 0, 0), dtype=np.float32)

    def maps_of(self, rows: Rows) -> NDArray[np.float32]:
        """Return the maps of encoded pictures; see `maps`."""
        parts = batches(rows.lengths, tokens=TOKENS, most=ROWS)
        pending = [(part, self._pool.submit(copy_context().run, self._run, rows, part, MAP)) for part in parts]
        out: NDArray[np.float32] | None = None
        for part, future in pending:
            found = future.result()
            out = np.empty((len(rows), *found.shape[1:]), dtype=np.float32) if out is None else out
            out[part] = found
        return np.empty((0, 0, 0), dtype=np.float32) if out is None else out

    def submit(self, rows: Rows) -> Answer:
        """Start answering encoded rows on the pool; ask the returned `Answer` for the result."""
        parts = batches(rows.lengths, tokens=TOKENS, most=TABLE_ROWS if isinstance(rows, Dense) else ROWS)
        pending = [(part, self._pool.submit(copy_context().run, self._run, rows, part)) for part in parts]
        return Answer(len(rows), len(self.classes), pending)

    def submit_none(self) -> Answer:
        """Return the answer to no rows."""
        return Answer(0, len(self.classes), [])

    def _run(self, rows: Rows, part: NDArray[np.int64], output: str | None = None) -> NDArray[np.float32]:
        where = self.path / self.model
        try:
            answer = self._session.run([output or self._output], batch_of(self.encoder, rows, part))[0]
        except LimbeckError:
            raise
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            mend = "copy the bundle again, or export it anew"
            raise LimbeckError(f"the model cannot be run: {first_line(error, 200)}", where=where, mend=mend) from error
        if output is not None:
            return answers.maps(answer, len(part), where)
        return answers.probabilities(answer, len(part), len(self.classes), where)

    def _empty(self) -> Probabilities:
        return np.empty((0, len(self.classes)), dtype=np.float32)

    def close(self) -> None:
        """Stop the worker threads; the classifier cannot be used afterwards."""
        self._closed = True
        if self._engine is not None:
            self._engine.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Classifier {self.manifest.name!r}: {self.manifest.network}, classes {list(self.classes)}>"


def _check_unreadable(given: str, where: str) -> None:
    if given not in _UNREADABLE:
        raise LimbeckError(f"unreadable is 'raise' or 'nan', not {given!r}", where=where)


def _unanswerable(start: int, bad: Unreadable) -> LimbeckError:
    """Return the error of the first value that cannot be answered, of those from ``start`` on."""
    mend = "leave it out, or give unreadable='nan' for NaN in its place"
    return LimbeckError(str(bad[min(bad)]), where=f"value {start + min(bad)}", mend=mend)
