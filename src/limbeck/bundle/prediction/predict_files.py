"""Files answered in order and in bounded memory: a chunk is read and encoded while the one before it is answered."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.bundle.engine import Answer
from limbeck.bundle.open_bundle import WINDOW
from limbeck.bundle.prediction.predict_rows import SET, joined
from limbeck.bundle.prediction.resume_journal import Files, Journal, Works, rejects_of
from limbeck.bundle.prediction.row_workers import Answered, Workers
from limbeck.bundle.value_bundle import ONE_LABEL, ValueBundle
from limbeck.data.file_changes import Snapshot
from limbeck.data.tables import layouts
from limbeck.data.tables.read import Chunk, need
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.events import check
from limbeck.files import writable
from limbeck.kinds.inputs import Wanted, own_output
from limbeck.kinds.select import Rows
from limbeck.progress import progress as counting
from limbeck.progress import say

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet", ".xlsx")
_AGAIN = "the same call goes on from there"


@dataclass(frozen=True)
class Done:
    """What `predict` did."""

    output: Path
    rows: int
    rejected: int
    rejects: Path | None
    seconds: float
    resumed: int
    notes: tuple[str, ...] = ()  # what of the input was left out


def refuse_unwritable(output: Path) -> None:
    """Raise where an output ends in no format that is written, or is a folder."""
    if output.suffix.lower() not in FORMATS:
        fix = f"end it in {', '.join(FORMATS)}"
        raise LimbeckError(f"cannot write {output.suffix or 'a file without suffix'!r}", where=output, fix=fix)
    if output.is_dir():
        raise LimbeckError("is a folder", where=output, fix="name a file")


@dataclass(frozen=True)
class _Window:
    """A chunk on its way: its rows, and what waits for their answers and the reasons of those that get none."""

    chunk: Chunk
    index: int
    frame: pl.DataFrame
    wait: Callable[[], Answered]
    pictures: Rows | None = None


class Run:
    """One run: what it reads and writes, and how far it has come."""

    def __init__(
        self, classifier: ValueBundle, source: Path, output: Path, columns: Sequence[str] | None,
        maps: str | Path | None, quiet: bool, encoding: str | None = None,
        sets: float | None = None, rename: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.classifier, self.output, self.quiet = classifier, output, quiet
        self.encoding, self.sets, self.rename = encoding, sets, dict(rename or {})
        if sets is not None:
            classifier.set_thresholds(sets)  # raises where there are none
        refuse_unwritable(output)
        manifest = classifier.manifest
        wanted = Wanted(
            manifest.task, manifest.input, manifest.layout, layouts.renamed(manifest.columns, rename), output,
            (output, rejects_of(output)), encoding,
        )  # fmt: skip
        self.inputs = classifier.kind.reading.inputs(source, wanted)
        self.sources = self.inputs.sources
        own_output(source, output, self.sources)
        self.columns = self._columns(columns)
        if maps is not None and not classifier.mapped:
            fix = "train one with task.kind = 'anomaly-image'"
            raise LimbeckError("this bundle gives no maps", where=classifier.path, fix=fix)
        self.heat = None if maps is None else classifier.kind.load("heatmap").HeatMaps(maps, manifest.input.margin)
        self.works = Works(output, self.columns, rounded=self._answers())
        self.before = [Snapshot(self.inputs.parts(file)) for file in self.sources]
        kind = classifier.kind
        self.sent: Any = kind.load("sent") if kind.has("sent") else None
        self.workers: Workers | None = None
        self.known = False  # whether all rows are known before they come
        self.met = 0  # rows that are known to come, or have

    def _columns(self, asked: Sequence[str] | None) -> list[str]:
        names = self.inputs.names()
        extra = [] if self.sets is None else [SET]
        if asked is None:
            usual, defaults = self.classifier.usual, self.inputs.defaults(names)
            if usual != ONE_LABEL:
                defaults = [*(name for name in defaults if name not in ONE_LABEL), *usual]
            return [*defaults, *extra]
        known = {*names, *(f"input.{name}" for name in names), *self._answers(), *extra}
        for name in asked:
            if name not in known:
                fix = did_you_mean(name, sorted(known))
                raise LimbeckError(f"there is no column {name!r} to write", where="--columns", fix=fix)
        return [*asked, *(name for name in extra if name not in asked)]

    def _answers(self) -> list[str]:
        return ["row", "file", *self.classifier.told]

    def go(self) -> Done:
        """Answer what is left, and return what was done."""
        started = time.perf_counter()
        journal = self.works.begin(self._fingerprint(), quiet=self.quiet)
        resumed = journal.answered + journal.rejected
        if resumed and not self.quiet:
            say(f"resumed after {resumed:,} rows")
        try:
            self.output.parent.mkdir(parents=True, exist_ok=True)
            with self.works.opened(journal) as files, counting("rows", None, quiet=self.quiet) as tick:
                tick(resumed)
                check(_AGAIN)
                for window in self._answered(journal):
                    self._write(files, journal, window)
                    tick(len(window.chunk.numbers) + len(window.chunk.rejects))
                    check(_AGAIN)
            self.works.finish(journal)
        except BrokenPipeError:
            raise  # the reader of a pipe has seen enough
        except OSError as error:
            raise self.works.out_of_reach(error) from error
        finally:
            self.works.close()
            if self.workers is not None:
                self.workers.close()
        kept = self.works.rejects if journal.rejected else None
        seconds, notes = time.perf_counter() - started, (*self.inputs.notes, *self.works.notes)
        return Done(self.output, journal.answered, journal.rejected, kept, seconds, resumed, notes)

    def _answered(self, journal: Journal) -> Iterator[_Window]:
        """Yield chunks with their answers; the next ones are read and encoded while one is being answered."""
        ahead: deque[_Window] = deque()
        for index in range(journal.source, len(self.sources)):
            skip = journal.row if index == journal.source else 0
            for chunk in self._read(index, skip):
                frame = self.inputs.frame(chunk, index, self.columns)
                ahead.append(self._window(chunk, index, frame))
                while len(ahead) > self._ahead():
                    yield ahead.popleft()
        yield from ahead

    def _ahead(self) -> int:
        """Return how many chunks are on their way at once: enough for each process to have a run, and one more."""
        if self.workers is None:
            return 1
        return 1 + self.workers.count * int(self.workers.run) // min(WINDOW, self.classifier.window)

    def _read(self, index: int, skip: int) -> Iterator[Chunk]:
        """Yield the chunks of a source, and raise at its end where it changed: the chunks are then of no version."""
        try:
            yield from self._chunks(index, skip)
        except LimbeckError:
            self._refuse_changed(index)  # it says more than what the reader stumbled over
            raise
        if self.inputs.file_column is None:
            self._refuse_changed(index)

    def _refuse_changed(self, index: int, pictures: Sequence[str] | None = None) -> None:
        """Raise where what is read is no longer what it was; a picture that is gone is answered or rejected by name."""
        try:
            self.before[index].refuse_changed(pictures, removed_too=pictures is None)
        except LimbeckError:
            self.works.forget()  # no later run may go on from these answers
            raise

    def _chunks(self, index: int, skip: int) -> Iterator[Chunk]:
        rows = min(WINDOW, self.classifier.window)
        if (known := self.inputs.expected(skip)) is not None:
            self.known, self.met = True, known
        yield from self.inputs.chunks(index, skip, rows)

    def _window(self, chunk: Chunk, index: int, frame: pl.DataFrame) -> _Window:
        """Begin to answer a chunk; rows that hold nothing to answer are named with the reason."""
        classifier, task = self.classifier, self.classifier.manifest.task
        if not frame.height:
            return _Window(chunk, index, frame, partial(_with, classifier.submit_none(), {}))
        values = classifier.kind.values(frame, task)
        if (workers := self._helped(len(values))) is not None:
            return _Window(chunk, index, frame, workers.submit(values).result)
        rows, bad = classifier.encode_each(values)
        reasons = {at: str(error) for at, error in bad.items()}
        mapped = None if self.heat is None else rows
        return _Window(chunk, index, frame, partial(_with, classifier.submit(rows), reasons), mapped)

    def _helped(self, more: int) -> Workers | None:
        """Return the processes that answer rows, if there are many of them. Heat maps want the pixels here."""
        self.met += 0 if self.known else more
        if self.sent is None or self.heat is not None or self.met < self.sent.MANY or self.classifier.threads <= 1:
            return None
        self.workers = self.workers or Workers(self.classifier)
        self.workers.grow(self.met // self.sent.EACH)
        return self.workers

    def _write(self, files: Files, journal: Journal, window: _Window) -> None:
        chunk, index = window.chunk, window.index
        answers, why = window.wait()
        if self.inputs.file_column is not None:
            self._refuse_changed(index, chunk.frame[self.inputs.file_column].to_list())
        full = np.ones(window.frame.height, dtype=bool)
        full[list(why)] = False
        unfit = [(int(chunk.numbers[at]), reason) for at, reason in why.items()]
        refused = sorted([*unfit, *((reject.row, reject.reason) for reject in chunk.rejects)])
        if self.heat is not None and window.pictures is not None:
            self._draw(window, np.flatnonzero(full))
        rows = self._table(window.frame.filter(pl.Series(full)), chunk.numbers[full], index, answers[full])
        before = journal.row if journal.source == index else 0
        journal.source, journal.row = index, before + len(chunk.numbers) + len(chunk.rejects)
        self.works.write(files, journal, rows, [(self._name(index), row, reason) for row, reason in refused])

    def _draw(self, window: _Window, which: np.ndarray) -> None:
        """Write the heat maps of the chosen rows, int64, before their answers: a killed run draws some again."""
        assert self.heat is not None and window.pictures is not None
        pictures = self.classifier.kind.values(window.frame, self.classifier.manifest.task)
        found = self.classifier.maps_of(window.pictures.take(which))
        for at, places in zip(which, found, strict=True):
            self.heat.write(int(window.chunk.numbers[at]), pictures[at], places)

    def _table(
        self, frame: pl.DataFrame, numbers: np.ndarray, index: int, probabilities: np.ndarray
    ) -> list[pl.Series]:
        made: dict[str, Any] = {"row": numbers, "file": [self._name(index)] * len(numbers)}
        made |= self.classifier.columns_of(probabilities)
        if self.sets is not None:
            made[SET] = [joined(names) for names in self.classifier.sets_of(probabilities, self.sets)]
        out = []
        for name in self.columns:
            if name in made:
                values = made[name]
                out.append(pl.Series(name, values.tolist() if name == "label" else list(values)))
            else:
                need(frame.columns, [name.removeprefix("input.")], self.sources[index])
                out.append(frame[name.removeprefix("input.")].alias(name))
        return out

    def _name(self, index: int) -> str:
        return writable(self.sources[index].name or self.sources[index].resolve().name)  # "." has none

    def _fingerprint(self) -> str:
        names = [str(path.absolute()) for path in self.sources]
        facts = [names, *(fact for one in self.before for fact in one.facts())]
        hashes = sorted(self.classifier.manifest.files.items())
        content = json.dumps(
            [
                facts,
                hashes,
                self.columns,
                self.output.suffix.lower(),
                *([self.encoding] if self.encoding else []),
                *([self.sets] if self.sets else []),
                *([self.rename] if self.rename else []),
            ]
        )
        return hashlib.sha256(content.encode("ascii")).hexdigest()


def _with(answer: Answer, unfit: dict[int, str]) -> Answered:
    return answer.result(), unfit
