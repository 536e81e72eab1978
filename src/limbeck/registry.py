"""The registry of models on disk that the command line, the server and the studio share; see `limbeck.model_names`.

One writer at a time for each name, by `limbeck.locks.sole_writer`; others wait. Readers need no lock: a version appears
whole and never changes, and ``current.json`` is replaced in one step.
"""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from limbeck.bundle.load import load
from limbeck.bundle.manifest import FILE, parts_of, read_manifest
from limbeck.errors import LimbeckError
from limbeck.files import fsync_dir, read_regular, recover, whole_folder, write_json
from limbeck.files import remove as remove_folder
from limbeck.locks import sole_writer
from limbeck.model_names import (
    CURRENT,
    SCHEME,
    Step,
    checked_name,
    current_version,
    full_version,
    history,
    home,
    model_path,
    names,
    split_name,
    versions,
)

_READ_ONLY = 0o444


@dataclass(frozen=True)
class Model:
    """A version of a model: its bundle, whether it is the one in use, and when the bundle was made (ISO 8601)."""

    name: str
    version: str
    path: Path
    current: bool
    created: str


def models(name: str | None = None) -> list[Model]:
    """Return all versions of a model, or of all models: by name, the newest bundle first."""
    found = []
    for one in names() if name is None else [checked_name(name)]:
        steps = history(one)
        there = [
            _model(one, version, current=bool(steps) and steps[-1].version == version) for version in versions(one)
        ]
        found += sorted(there, key=lambda model: model.created, reverse=True)
    return found


def add(bundle: str | Path, name: str, *, promote: bool = False) -> Model:
    """Copy a bundle into the registry, verified before and after; a version that is there already stays as it is.

    Parameters
    ----------
    name
        Of the model. Its first version comes into use at once, later ones only with ``promote``.

    Raises
    ------
    LimbeckError
        For a name that is not valid, a bundle that cannot be loaded, and a disk that is full.
    """
    name = checked_name(name)
    source = model_path(bundle)
    with load(source, threads=0) as classifier:
        version, manifest = classifier.version, classifier.manifest
    with _writing(name):
        target = home() / name / version
        recover(target)
        if target.exists():
            read_manifest(target)
        else:
            with whole_folder(target) as made:
                for file in (parts := parts_of(source, manifest)):
                    (made / file).parent.mkdir(exist_ok=True)
                    shutil.copyfile(source / file, made / file)
                if read_manifest(made) != manifest:
                    fix = "add it again once nothing writes to it"
                    raise LimbeckError("the bundle changed while it was copied", where=source, fix=fix)
            for file in parts:
                (target / file).chmod(_READ_ONLY)
        if promote or not history(name):
            _put(name, version, "promote")
    return find(f"{name}@{version}")


def find(name: str) -> Model:
    """Return the version in use of NAME, or that of "NAME@VERSION"; a few of its digits are enough.

    Raises
    ------
    UnknownModelError
        When there is none.
    """
    base, version = split_name(name.removeprefix(SCHEME))
    chosen = current_version(base) if version is None else full_version(base, version)
    steps = history(base)
    return _model(base, chosen, current=bool(steps) and steps[-1].version == chosen)


def promote(name: str) -> Model:
    """Bring the version of "NAME@VERSION" into use.

    Raises
    ------
    LimbeckError
        When there is none, or it is damaged.
    """
    base, version = _named(name)
    with _writing(base):
        chosen = full_version(base, version)
        read_manifest(home() / base / chosen)
        _put(base, chosen, "promote")
    return find(base)


def rollback(name: str) -> Model:
    """Bring back into use what was in use before; called again, what was in use before that.

    Raises
    ------
    LimbeckError
        When nothing was, or it is no longer there.
    """
    name = checked_name(name.removeprefix(SCHEME))
    with _writing(name):
        current_version(name)
        there = versions(name)
        stack: list[str] = []
        for step in history(name):
            if step.by == "rollback":
                while stack and stack[-1] != step.version:
                    stack.pop()
            elif not stack or stack[-1] != step.version:
                stack.append(step.version)
        earlier = [version for version in stack[:-1] if version in there]
        if not earlier:
            raise LimbeckError("no other version was in use before", where=SCHEME + name, fix="promote one by name")
        read_manifest(home() / name / earlier[-1])
        _put(name, earlier[-1], "rollback")
    return find(name)


def remove(name: str) -> None:
    """Remove the version of "NAME@VERSION", which may not be in use; or of NAME all versions, and the model.

    Raises
    ------
    LimbeckError
        When there is none, or it is in use.
    """
    base, version = split_name(name.removeprefix(SCHEME))
    with _writing(base):
        if version is None:
            if not versions(base):
                current_version(base)
            (home() / base / CURRENT).unlink(missing_ok=True)  # first: what has no version in use is not opened by name
            remove_folder(home() / base)
        else:
            chosen = full_version(base, version)
            steps = history(base)
            if steps and steps[-1].version == chosen:
                raise LimbeckError("this version is in use", where=f"{SCHEME}{base}@{chosen}", fix="promote another")
            remove_folder(home() / base / chosen)
        fsync_dir(home())


def _named(name: str) -> tuple[str, str]:
    base, version = split_name(name.removeprefix(SCHEME))
    if version is None:
        known = ", ".join(versions(base)) or "there is none"
        raise LimbeckError("name a version", where=SCHEME + base, fix=f"write {base}@VERSION; known: {known}")
    return base, version


def _model(name: str, version: str, *, current: bool) -> Model:
    path = home() / name / version
    return Model(name, version, path, current, _created(path))


def _created(path: Path) -> str:
    """Return when a bundle was made; "" of one that is damaged, which only who opens it has to hear of."""
    try:
        return str(json.loads(read_regular(path / FILE, 2**24).decode("utf-8"))["created"])
    except (OSError, LimbeckError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def _put(name: str, version: str, by: str) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    steps = [*history(name), Step(version, now, by)]
    write_json(home() / name / CURRENT, {"version": version, "history": [asdict(step) for step in steps]})


@contextmanager
def _writing(name: str) -> Iterator[None]:
    """Hold the lock on a name; who comes second waits."""
    with sole_writer(home() / name, wait=True):
        yield
