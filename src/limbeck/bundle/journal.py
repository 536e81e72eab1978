"""Where answers grow: hidden files beside the output, and a journal of how far a run has come.

After each window the journal notes how many rows and bytes are safe, so a killed run goes on from there; the output
itself appears in one rename, when all is done.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from limbeck.data.rows import holds_bytes, text_column
from limbeck.errors import LimbeckError, first_line
from limbeck.files import fsync_dir, out_of_reach, whole_file, write_json

Files = tuple[IO[bytes], IO[bytes]]  # of the answers, and of the rows refused
_REFUSED = ("file", "row", "reason")
_NO_TEXT = (pl.Binary, pl.Duration)  # types that polars does not write to CSV
DIGITS = 6  # of our own probabilities, behind the point


@dataclass
class Journal:
    """How far a run has come: rows of the current source, bytes of both hidden files."""

    fingerprint: str
    source: int = 0
    row: int = 0
    answered: int = 0
    rejected: int = 0
    bytes: int = 0
    rejected_bytes: int = 0


class Works:
    """The hidden files of one output.

    Attributes
    ----------
    rejects
        Where rows that got no answer are named, with the reason, if there are any.
    rounded
        Columns with six digits behind the point in text; any other number is written so that it reads back the same.
    """

    def __init__(self, output: Path, columns: Sequence[str], rounded: Collection[str] = ()) -> None:
        self.output, self.columns, self.rounded = output, list(columns), frozenset(rounded)
        # The rows in the works are JSON lines for Parquet, which can only be written as a whole.
        self.kind = ".jsonl" if output.suffix.lower() == ".parquet" else output.suffix.lower()
        hidden = output.parent if output.parent.is_dir() and not output.is_char_device() else Path()
        self.part, self.rejects_part, self.journal_file = (
            hidden / f".{output.name}.{end}" for end in ("part", "rejected.part", "journal.json")
        )
        self.rejects = output.with_name(output.name + ".rejected.csv")

    @property
    def separator(self) -> str:
        """What stands between the cells of a line."""
        return "\t" if self.kind == ".tsv" else ","

    def begin(self, fingerprint: str) -> Journal:
        """Return the journal of an earlier run with the same fingerprint, or begin anew.

        Raises
        ------
        LimbeckError
            When the hidden files cannot be written.
        """
        fresh = Journal(fingerprint)
        try:
            stored = Journal(**json.loads(self.journal_file.read_text("utf-8")))
            sizes = self.part.stat().st_size, self.rejects_part.stat().st_size
            whole = sizes[0] >= stored.bytes and sizes[1] >= stored.rejected_bytes
            if stored.fingerprint == fresh.fingerprint and whole:
                return stored
        except (OSError, ValueError, TypeError):
            pass  # no journal, or not ours: begin anew
        head = b"" if self.kind == ".jsonl" else _csv([self.columns], self.separator)
        refused = _csv([_REFUSED], ",")
        try:
            self.part.parent.mkdir(parents=True, exist_ok=True)
            self.part.write_bytes(head)
            self.rejects_part.write_bytes(refused)
        except OSError as error:
            raise out_of_reach(error, self.output) from error
        fresh.bytes, fresh.rejected_bytes = len(head), len(refused)
        return fresh

    @contextmanager
    def opened(self, journal: Journal) -> Iterator[Files]:
        """Open both hidden files at the last place that is safe."""
        with self.part.open("r+b") as answers, self.rejects_part.open("r+b") as rejects:
            for file, safe in ((answers, journal.bytes), (rejects, journal.rejected_bytes)):
                file.truncate(safe)
                file.seek(safe)
            yield answers, rejects

    def write(
        self, files: Files, journal: Journal, rows: list[pl.Series], refused: list[tuple[str, int, str]]
    ) -> None:  # fmt: skip
        """Append answered rows, as columns of one length, and refused ones (file, row, reason); then note that."""
        answers, rejects = files
        frame = pl.DataFrame(rows)
        if self.kind == ".jsonl":
            bytes_ = [text_column(cells) for cells in frame if holds_bytes(cells.dtype)]
            text = frame.with_columns(bytes_).write_ndjson()
        else:
            text = _as_text(frame, self.rounded).write_csv(
                include_header=False, separator=self.separator, float_precision=DIGITS
            )
        answers.write(text.encode("utf-8"))
        rejects.write(_csv(refused, ","))
        for file in files:
            file.flush()
            os.fsync(file.fileno())
        journal.answered += frame.height
        journal.rejected += len(refused)
        journal.bytes, journal.rejected_bytes = answers.tell(), rejects.tell()
        write_json(self.journal_file, asdict(journal))

    def finish(self, journal: Journal) -> None:
        """Let the output and its rejects appear, and take the hidden files away."""
        if self.output.suffix.lower() == ".parquet":
            with whole_file(self.output) as part:
                self._to_parquet(part, journal)
            self.part.unlink()
        elif self.output.exists() and not self.output.is_file():  # a device: /dev/stdout, /dev/full
            with whole_file(self.output) as part:
                part.write_bytes(self.part.read_bytes())
            self.part.unlink()
        else:
            self.part.replace(self.output)
            fsync_dir(self.output.parent)
        # Only once the answers stand: a disk that fills up leaves the earlier output and its rejects together.
        if journal.rejected:
            self.rejects_part.replace(self.rejects)
        else:
            self.rejects_part.unlink()
            self.rejects.unlink(missing_ok=True)
        self.journal_file.unlink(missing_ok=True)
        for left in self.journal_file.parent.glob(f"{glob.escape(f'.{self.journal_file.name}.')}*.part"):
            left.unlink(missing_ok=True)  # of a run that was killed while it wrote its journal

    def _to_parquet(self, part: Path, journal: Journal) -> None:
        if not journal.answered:
            pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String)).write_parquet(part)
            return
        try:
            # The types are read off every row: a column may be empty for long before it holds something.
            pl.scan_ndjson(self.part, infer_schema_length=None).sink_parquet(part)
        except pl.exceptions.ComputeError as error:  # a full disk arrives as one of these
            raise LimbeckError(f"cannot be written: {first_line(error)}", where=self.output) from error


def _as_text(frame: pl.DataFrame, rounded: Collection[str]) -> pl.DataFrame:
    """Return rows whose cells stand in a text file as they are, numbers not cut."""
    exact = [
        text_column(cells)
        for cells in frame
        if cells.name not in rounded and (cells.dtype.is_float() or cells.dtype.is_nested() or cells.dtype in _NO_TEXT)
    ]
    return frame.with_columns(exact) if exact else frame


def _csv(rows: Sequence[Sequence[Any]], separator: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
