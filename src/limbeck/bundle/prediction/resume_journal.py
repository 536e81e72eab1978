"""Where answers grow: hidden files beside the output, and a journal of how far a run has come.

After each window the journal notes how many rows and bytes are safe, and the checksums of both hidden files up to
there. So a killed run goes on, and never from files that were touched since; the output itself appears in one rename,
when all is done. Who uses these files holds the lock on the output (`limbeck.locks.sole_writer`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
import uuid
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

import polars as pl

from limbeck.data.tables.excel_write import excel_of_lines
from limbeck.data.tables.rows import holds_bytes, text_column
from limbeck.errors import LimbeckError, first_line
from limbeck.files import fsync_dir, is_stream, native_path, out_of_reach, recover, whole_file, write_json
from limbeck.messages.message import Message
from limbeck.progress import say

Files = tuple[IO[bytes], IO[bytes]]  # of the answers, and of the rows refused
_REFUSED = ("file", "row", "reason")
_NO_TEXT = (pl.Binary, pl.Duration)  # types that polars does not write to CSV
DIGITS = 6  # of our own probabilities, behind the point
_BLOCK = 2**20


@dataclass
class Journal:
    """How far a run has come: rows of the current source, bytes and CRC-32 of both hidden files."""

    fingerprint: str
    source: int = 0
    row: int = 0
    answered: int = 0
    rejected: int = 0
    bytes: int = 0
    rejected_bytes: int = 0
    crc: int = 0
    rejected_crc: int = 0

    def dump(self) -> dict[str, Any]:
        """Return the journal as JSON, with a hash of all of it."""
        facts = asdict(self)
        return {**facts, "sha256": _hash(facts)}

    @classmethod
    def parse(cls, stored: Any) -> Journal:
        """Return the journal that `dump` gave; raise ValueError where it is not exactly that."""
        if not isinstance(stored, dict) or set(stored) != {field.name for field in fields(cls)} | {"sha256"}:
            raise ValueError("not a journal of this version")
        facts = {name: value for name, value in stored.items() if name != "sha256"}
        if stored["sha256"] != _hash(facts):
            raise ValueError("changed since it was written")
        return cls(**facts)


def rejects_of(output: Path) -> Path:
    """Return the file beside an output in which rows without an answer are named."""
    return output.with_name(output.name + ".rejected.csv")


class Works:
    """The hidden files of one output.

    Attributes
    ----------
    rejects
        Where rows that got no answer are named, with the reason, if there are any.
    rounded
        Columns with six digits behind the point in text and in workbooks; any other number is written so that it reads
        back the same.
    notes
        What the output could not hold as it was, once it is finished.
    """

    def __init__(self, output: Path, columns: Sequence[str], rounded: Collection[str] = ()) -> None:
        self.output, self.columns, self.rounded = output, list(columns), frozenset(rounded)
        self.notes: list[Message] = []
        ending = output.suffix.lower()
        # The rows in the works are JSON lines for what can only be written as a whole.
        self.whole = {".parquet": self._to_parquet, ".xlsx": self._to_excel}.get(ending)
        self.kind = ending if self.whole is None else ".jsonl"
        # Beside a device or a pipe nothing can be kept for a later run.
        self._streamed = is_stream(output)
        self.folder = Path(tempfile.gettempdir(), f"limbeck-{uuid.uuid4().hex}") if self._streamed else output.parent
        self.part, self.rejects_part, self.journal_file = (
            self.folder / f".{output.name}.{end}" for end in ("part", "rejected.part", "journal.json")
        )
        self.rejects = rejects_of(output)

    @property
    def separator(self) -> str:
        """What stands between the cells of a line."""
        return "\t" if self.kind == ".tsv" else ","

    def begin(self, fingerprint: str, *, quiet: bool = False) -> Journal:
        """Return the journal of an earlier run with the same fingerprint, or begin anew.

        Where the files of such a run were damaged one line says so, unless ``quiet``.

        Raises
        ------
        LimbeckError
            When the hidden files cannot be written.
        """
        recover(self.journal_file)
        try:
            if self.journal_file.exists() and self.part.exists():
                stored = Journal.parse(json.loads(self.journal_file.read_text("utf-8")))
                if stored.fingerprint == fingerprint:
                    self._check(stored)
                    return stored
        except (OSError, ValueError, RecursionError):
            if not quiet:
                say(f"{self.output}: the files of an unfinished run are damaged; starting again at the first row")
        fresh = Journal(fingerprint)
        head = b"" if self.kind == ".jsonl" else _csv([self.columns], self.separator)
        refused = _csv([_REFUSED], ",")
        try:
            self.folder.mkdir(mode=0o700 if self._streamed else 0o777, parents=True, exist_ok=not self._streamed)
            self.journal_file.unlink(missing_ok=True)  # first: an earlier one must not stand beside new files
            self.part.write_bytes(head)
            self.rejects_part.write_bytes(refused)
        except OSError as error:
            raise self.out_of_reach(error) from error
        fresh.bytes, fresh.rejected_bytes = len(head), len(refused)
        fresh.crc, fresh.rejected_crc = zlib.crc32(head), zlib.crc32(refused)
        return fresh

    def _check(self, journal: Journal) -> None:
        """Raise ValueError where a hidden file does not hold what the journal says."""
        both = (
            (self.part, journal.bytes, journal.crc),
            (self.rejects_part, journal.rejected_bytes, journal.rejected_crc),
        )
        for path, size, crc in both:
            found = 0
            with path.open("rb") as file:
                while size > 0 and (block := file.read(min(size, _BLOCK))):
                    found, size = zlib.crc32(block, found), size - len(block)
            if size or found != crc:
                raise ValueError(f"{path} is damaged")

    def out_of_reach(self, error: OSError) -> LimbeckError:
        """Return the one line for a disk that cannot be written: that of the output, or that of temporary files."""
        return out_of_reach(error, self.folder if self._streamed else self.output)

    def forget(self) -> None:
        """Remove the hidden files: a later run must not go on from them."""
        for file in (self.journal_file, self.part, self.rejects_part):
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove what a stream's answers needed."""
        if self._streamed:
            shutil.rmtree(self.folder, ignore_errors=True)

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
        content, beside = text.encode("utf-8"), _csv(refused, ",")
        answers.write(content)
        rejects.write(beside)
        for file in files:
            file.flush()
            os.fsync(file.fileno())
        journal.answered += frame.height
        journal.rejected += len(refused)
        journal.bytes, journal.rejected_bytes = answers.tell(), rejects.tell()
        journal.crc, journal.rejected_crc = zlib.crc32(content, journal.crc), zlib.crc32(beside, journal.rejected_crc)
        write_json(self.journal_file, journal.dump())

    def finish(self, journal: Journal) -> None:
        """Let the output and its rejects appear, and take the hidden files away."""
        if self.whole is not None:
            with whole_file(self.output) as part:
                self.whole(part, journal)
            self.part.unlink()
        elif self._streamed:
            with whole_file(self.output) as part:
                self.part.replace(part)
        else:
            self.part.replace(self.output)
            fsync_dir(self.output.parent)
        # Only once the answers stand: a disk that fills up leaves the earlier output and its rejects together.
        if journal.rejected:
            move = shutil.move if self._streamed else os.replace  # from the disk of temporary files to another
            move(self.rejects_part, self.rejects)
        else:
            self.rejects_part.unlink()
            self.rejects.unlink(missing_ok=True)
        self.journal_file.unlink(missing_ok=True)

    def _to_parquet(self, part: Path, journal: Journal) -> None:
        if not journal.answered:
            with part.open("wb") as file:
                pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String)).write_parquet(file)
            return
        try:
            # The types are read off every row: a column may be empty for long before it holds something.
            part.touch()
            with native_path(self.part) as rows, native_path(part) as whole:
                pl.scan_ndjson(rows, infer_schema_length=None).sink_parquet(whole)
        except pl.exceptions.ComputeError as error:  # a full disk arrives as one of these
            raise LimbeckError(f"cannot be written: {first_line(error)}", where=self.output) from error

    def _to_excel(self, part: Path, journal: Journal) -> None:
        self.notes += excel_of_lines(self.part, part, self.columns, self.rounded, digits=DIGITS)


def _as_text(frame: pl.DataFrame, rounded: Collection[str]) -> pl.DataFrame:
    """Return rows whose cells stand in a text file as they are, numbers not cut."""
    exact = [
        text_column(cells)
        for cells in frame
        if cells.name not in rounded and (cells.dtype.is_float() or cells.dtype.is_nested() or cells.dtype in _NO_TEXT)
    ]
    return frame.with_columns(exact) if exact else frame


def _hash(facts: dict[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(facts, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _csv(rows: Sequence[Sequence[Any]], separator: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
