"""Parquet, streamed by slices of rows; columns keep their types, but bytes and durations become texts.

The decoder is native code and the files may be hostile: whatever it raises, panics of Rust included, becomes one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.tables.rows import Chunk, Format, need, one_line, plain
from limbeck.errors import LimbeckError
from limbeck.files import native_path


class Parquet:
    """Reader of .parquet, a slice of rows at a time."""

    def inspect(self, path: Path, encoding: str | None = None) -> Format:
        """Return the columns, from the file's footer."""
        with one_line(path, "Parquet"), native_path(path) as name:
            names = pl.read_parquet_schema(name)
        return Format(path, "parquet", None, None, tuple(names))

    def stream(
        self, path: Path, rows: int, skip: int, columns: Sequence[str] | None, encoding: str | None = None
    ) -> Iterator[Chunk]:
        """Yield slices of ``rows`` rows."""
        need(self.inspect(path).columns, columns or (), path)
        with native_path(path) as name:
            with one_line(path, "Parquet"):
                table = pl.scan_parquet(name, glob=False, hive_partitioning=False)
                total = int(table.select(pl.len()).collect().item())
            if total == 0:
                raise LimbeckError("the file has no rows", where=path, fix="check the file")
            if columns is not None:
                table = table.select(columns)
            for start in range(skip, total, rows):
                with one_line(path, "Parquet"):
                    frame = plain(table.slice(start, rows).collect())
                yield Chunk(frame, np.arange(start + 1, start + 1 + frame.height, dtype=np.int64))
