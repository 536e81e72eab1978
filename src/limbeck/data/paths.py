"""Paths as tables write them: relative to the table, and perhaps written on Windows."""

from __future__ import annotations

from pathlib import Path


def path_in(base: Path, written: str) -> Path:
    r"""Return the file that a table in the folder ``base`` names.

    Where no file is called so, a backslash separates folders, as on Windows: ``records\a.hea``.
    """
    file = base / written
    if "\\" not in written or _exists(file):
        return file
    return base / written.replace("\\", "/")


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except (OSError, ValueError):  # too long, or a NUL: whoever opens it says so
        return False
