"""Where the files of a recipe lie: relative to the data, to the recipe, or to the working folder, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from limbeck.errors import LimbeckError, did_you_mean, names_one


def find(path: str, folders: Sequence[Path | None]) -> Path | None:
    """Return the first existing ``folder / path``, or None."""
    for folder in folders:
        if folder is not None and (candidate := folder / path).exists():
            return candidate
    return None


def needed(path: str, folders: Sequence[Path | None], key: str) -> Path:
    """Return where a file is that the recipe's ``key`` names.

    Raises
    ------
    LimbeckError
        Where it is in none of the folders, nor in the working folder.
    """
    found = find(path, [*folders, Path()])
    if found is not None:
        return found
    near = [file.name for folder in folders if folder is not None and folder.is_dir() for file in folder.iterdir()]
    hint = did_you_mean(path, near)
    fix = f"check {key}; it is looked for beside the data, beside the recipe and in the working folder"
    raise LimbeckError("there is no such file", where=path, fix=hint if names_one(hint) else fix)
