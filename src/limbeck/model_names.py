"""Where the registry keeps its models, and what "models:NAME" and "models:NAME@VERSION" stand for.

``LIMBECK_HOME/models/NAME/VERSION/`` is a bundle and never changes; ``NAME/current.json`` says which version is in use,
and is replaced in one step. Whoever opens a bundle by name reads these two without a lock; `limbeck.registry` writes.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.files import read_regular

SCHEME = "models:"
CURRENT = "current.json"
_NAME = re.compile(r"\w(?:[\w-]|\.(?!\.))*")
_LONGEST = 100  # bytes of a name
_VERSION = re.compile(r"[0-9a-f]{16}")
_PART = re.compile(r"[0-9a-f]{4,16}")
_LARGEST = 2**20  # bytes of current.json


class UnknownModelError(LimbeckError):
    """The registry has no model, or no version, of this name."""

    code = "unknown-model"


@dataclass(frozen=True)
class Step:
    """A version that came into use: which, when (ISO 8601), and by ``promote`` or ``rollback``."""

    version: str
    at: str
    by: str


def home() -> Path:
    """Return the folder of the registry: ``LIMBECK_HOME/models``, by default ``~/.limbeck/models``."""
    return Path(os.environ.get("LIMBECK_HOME") or Path.home() / ".limbeck") / "models"


def checked_name(name: str) -> str:
    """Return a name that is safe as a folder.

    Raises
    ------
    LimbeckError
        For an empty or long name, and one with anything but letters, digits, "_", "-" and single dots inside.
    """
    if not _NAME.fullmatch(name) or name.endswith(".") or len(name.encode("utf-8", "surrogatepass")) > _LONGEST:
        shown = name if len(name) <= 40 else f"{name[:39]}…"
        fix = 'use letters, digits, "_", "-" and single dots, at most 100 bytes'
        raise LimbeckError(f"{shown!r} is not a valid model name", where="models", fix=fix)
    return name


def split_name(text: str) -> tuple[str, str | None]:
    """Return NAME and VERSION of "NAME@VERSION"; None where no version is named."""
    name, at, version = text.partition("@")
    if at and not _PART.fullmatch(version):
        fix = "give 4 to 16 of its hexadecimal digits; `limbeck models list` shows them"
        shown = version if len(version) <= 40 else f"{version[:39]}…"
        raise LimbeckError(f"{shown!r} is not a version", where=f"models:{checked_name(name)}", fix=fix)
    return checked_name(name), version if at else None


def model_path(path: str | os.PathLike[str]) -> Path:
    """Return the bundle's folder that a path or a name of the registry ("models:NAME", "models:NAME@VERSION") means.

    Raises
    ------
    UnknownModelError
        When the registry has no such model, or none of its versions is in use.
    """
    text = os.fspath(path)
    if not text.startswith(SCHEME):
        return Path(path)
    name, version = split_name(text.removeprefix(SCHEME))
    return home() / name / (current_version(name) if version is None else full_version(name, version))


def spelled(path: str | os.PathLike[str]) -> str:
    """Return what people call a bundle: NAME@VERSION of one in the registry, else the folder's name."""
    folder = model_path(path).resolve()
    if folder.parent.parent == home().resolve() and _VERSION.fullmatch(folder.name):
        return f"{folder.parent.name}@{folder.name}"
    return folder.name


def names() -> list[str]:
    """Return the names of all models, sorted."""
    folder = home()
    found = [place.name for place in folder.iterdir() if _NAME.fullmatch(place.name)] if folder.is_dir() else []
    return sorted(name for name in found if versions(name))


def versions(name: str) -> list[str]:
    """Return the versions of a model, sorted by their digits; none where there is no such model."""
    folder = home() / checked_name(name)
    return sorted(place.name for place in folder.iterdir() if _VERSION.fullmatch(place.name)) if folder.is_dir() else []


def full_version(name: str, version: str) -> str:
    """Return the version that begins with some digits.

    Raises
    ------
    UnknownModelError
        When none does, or more than one.
    """
    there = versions(name)
    found = [one for one in there if one.startswith(version)]
    if len(found) != 1:
        what = f"{len(found)} versions begin with {version}" if found else f"there is no version {version}"
        raise _unknown(name, what, f"known: {', '.join(found or there)}") if there else _nothing(name)
    return found[0]


def current_version(name: str) -> str:
    """Return the version in use.

    Raises
    ------
    UnknownModelError
        When there is no such model, or none of its versions is in use.
    """
    there, steps = versions(name), history(name)
    if not there:
        raise _nothing(name)
    if not steps or steps[-1].version not in there:
        raise _unknown(name, "no version is in use", f"run limbeck models promote {name}@VERSION")
    return steps[-1].version


def history(name: str) -> list[Step]:
    """Return which versions came into use, oldest first.

    Raises
    ------
    LimbeckError
        When ``current.json`` is damaged.
    """
    file = home() / checked_name(name) / CURRENT
    try:
        stored: Any = json.loads(read_regular(file, _LARGEST).decode("utf-8"))
        steps = [Step(str(step["version"]), str(step["at"]), str(step["by"])) for step in stored["history"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        fix = "delete it, and promote a version again"
        raise LimbeckError("cannot be read", where=file, fix=fix) from error
    return [step for step in steps if _VERSION.fullmatch(step.version)]


def _nothing(name: str) -> UnknownModelError:
    return UnknownModelError(f"there is no model {name!r}", where="models", fix=did_you_mean(name, names()))


def _unknown(name: str, what: str, fix: str) -> UnknownModelError:
    return UnknownModelError(what, where=f"models:{name}", fix=fix)
