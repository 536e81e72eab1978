"""Several tables named by one pattern: ``shards/*.csv``, ``2026/**/part-?.parquet``."""

from __future__ import annotations

import glob
from pathlib import Path

from limbeck.errors import LimbeckError

_MAGIC = frozenset("*?[")


def is_pattern(path: Path) -> bool:
    """Return whether a path names no file but has a wildcard."""
    return bool(_MAGIC & set(str(path))) and not path.exists()


def split(pattern: Path) -> tuple[Path, Path]:
    """Return the folder before the first wildcard, and the pattern from there on."""
    plain = 0
    while not _MAGIC & set(pattern.parts[plain]):
        plain += 1
    return Path(*pattern.parts[:plain]), Path(*pattern.parts[plain:])


def matched(pattern: Path) -> list[Path]:
    """Return the files that a pattern matches, sorted by name; ``**`` stands for any folders, hidden ones aside.

    Raises
    ------
    LimbeckError
        Where it matches none.
    """
    files = sorted(path for path in map(Path, glob.iglob(str(pattern), recursive=True)) if path.is_file())  # noqa: PTH207
    if not files:
        raise LimbeckError("no file matches the pattern", where=pattern, fix="check the path")
    return files
