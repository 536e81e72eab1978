"""An open bundle: its parts read and checked, its model running on a pool of threads or in the calling thread."""

from __future__ import annotations

import threading
from concurrent.futures import Executor
from contextvars import copy_context
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.engine import Answer, Engine, Probabilities, as_maps, as_probabilities, done
from limbeck.bundle.manifest import FILE, Manifest, read_manifest
from limbeck.bundle.reference import Reference, read_reference
from limbeck.bundle.version import model_version
from limbeck.data.file_changes import marks_now
from limbeck.errors import LimbeckError, first_line
from limbeck.files import sha256
from limbeck.kinds import kind_of
from limbeck.kinds.select import Rows, Unreadable, Values
from limbeck.kinds.text.encoding.ragged import batches
from limbeck.model_names import model_path
from limbeck.process.cores import cores
from limbeck.process.forks import made_anew, refuse_forked
from limbeck.tasks import task_of

_ATTEMPTS = 4  # to read a bundle that is being replaced
MAP = "map"  # the output of a graph that says where
TOKENS = 4096  # tokens of a batch at most
WINDOW = 4096  # rows that are read together


class OpenBundle:
    """A verified bundle whose model is open: encoded rows in, probabilities out.

    See `limbeck.bundle.classifier.Classifier`, which takes raw values, for the parameters and errors.
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
            fix = "load it once nothing writes to it"
            raise LimbeckError("the bundle changes while it is read", where=self.path, fix=fix)
        made_anew(self)

    def _open(self, threads: int | None, model: str | None) -> None:
        self.manifest: Manifest = read_manifest(self.path)
        file = self.path / (model or self.manifest.serve)
        self.model = file.name
        if file.name not in self.manifest.files:
            raise LimbeckError("no such model in this bundle", where=file)
        self.kind = kind_of(self.manifest.task)
        self.encoder = (task_of(self.manifest.task).reader or self.kind.encoder).load(self.manifest.input, self.path)
        if threads is not None and threads < 0:
            raise LimbeckError(f"threads is 0 or more, not {threads}", where="load")
        self.threads = cores() if threads is None else threads
        self.encoder.workers = max(1, self.threads)
        rows = self.encode(self.encoder.blank(self.manifest.task))
        made = self.encoder.batch(rows, np.arange(1))
        self._largest = self.encoder.largest(rows, made, TOKENS)
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
    def reference(self) -> Reference | None:
        """What the rows looked like that the model learned from; None of a bundle that Limbeck 0.1.0 made."""
        return read_reference(self.path)

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
                    raise LimbeckError("the bundle has changed since it was loaded", where=file, fix="load it again")
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
            raise LimbeckError(what, where=file, fix="copy the bundle again, or export it anew")
        self._output = str(first.name)

    def encode(self, values: Values) -> Rows:
        """Encode raw values as the network wants them."""
        rows: Rows = self._reader().encode(values)
        return rows

    def encode_each(self, values: Values) -> tuple[Rows, Unreadable]:
        """Encode raw values, and name those that hold nothing to answer: an empty text, a picture that is none."""
        found: tuple[Rows, Unreadable] = self._reader().encode_each(values)
        return found

    def _reader(self) -> Any:
        """Return what encodes raw values; a process that was forked is refused before polars waits for its threads."""
        if self.kind.framed:
            refuse_forked()
        return self.encoder

    @property
    def window(self) -> int:
        """Rows that are encoded together."""
        return int(self.encoder.window)

    @property
    def mapped(self) -> bool:
        """Whether the bundle can say where in a picture an anomaly is."""
        return any(output.name == MAP for output in self._session.get_outputs())

    def maps_of(self, rows: Rows) -> NDArray[np.float32]:
        """Return the maps of encoded pictures; see `maps`."""
        parts = batches(rows.lengths, tokens=TOKENS, most=self.encoder.most)
        pending = [(part, self._pool.submit(copy_context().run, self._run, rows, part, MAP)) for part in parts]
        out: NDArray[np.float32] | None = None
        for part, future in pending:
            found = future.result()
            out = np.empty((len(rows), *found.shape[1:]), dtype=np.float32) if out is None else out
            out[part] = found
        return np.empty((0, 0, 0), dtype=np.float32) if out is None else out

    def submit(self, rows: Rows, *, alone: bool = False) -> Answer:
        """Start answering encoded rows on the pool; ask the returned `Answer` for the result.

        Parameters
        ----------
        alone
            Nothing else is to be done meanwhile: a single batch is answered at once in the calling thread, which saves
            the way to another one.
        """
        parts = batches(rows.lengths, tokens=TOKENS, most=self.encoder.most)
        if alone and len(parts) == 1:
            if self._closed:
                raise RuntimeError("cannot answer after shutdown")
            return Answer(len(rows), len(self.classes), [(parts[0], done(self._run(rows, parts[0])))])
        pending = [(part, self._pool.submit(copy_context().run, self._run, rows, part)) for part in parts]
        return Answer(len(rows), len(self.classes), pending)

    def submit_none(self) -> Answer:
        """Return the answer to no rows."""
        return Answer(0, len(self.classes), [])

    def _run(self, rows: Rows, part: NDArray[np.int64], output: str | None = None) -> NDArray[np.float32]:
        where = self.path / self.model
        try:
            answer = self._session.run([output or self._output], self.encoder.batch(rows, part))[0]
        except LimbeckError:
            raise
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            fix = "copy the bundle again, or export it anew"
            raise LimbeckError(f"the model cannot be run: {first_line(error, 200)}", where=where, fix=fix) from error
        if output is not None:
            return as_maps(answer, len(part), where)
        return self._answer_of(answer, len(part), where)

    def _answer_of(self, answer: Any, rows: int, where: Path) -> NDArray[np.float32]:
        """Return what the model answered to a batch, when it is that."""
        return as_probabilities(answer, rows, len(self.classes), where)

    def _empty(self) -> Probabilities:
        return np.empty((0, len(self.classes)), dtype=np.float32)

    def close(self) -> None:
        """Stop the worker threads; the classifier cannot be used afterwards."""
        self._closed = True
        if self._engine is not None:
            self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
