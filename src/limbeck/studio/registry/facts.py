"""What is known of the models in the registry: from the files of a bundle, without opening its model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from limbeck.bundle.manifest import FILE, Manifest
from limbeck.errors import LimbeckError
from limbeck.files import read_regular
from limbeck.kinds import KINDS
from limbeck.model_names import current_version, full_version, home, names, versions

_LARGEST = 16 * 2**20  # bytes of a JSON file
FIGURES = ("accuracy", "macro_f1", "roc_auc", "ece", "ap", "ap50")


def in_columns(kind: str) -> bool:
    """Return whether a row of a kind is columns with values."""
    return KINDS[kind].framed and KINDS[kind].in_cells


@dataclass(frozen=True)
class Version:
    """A version of a model: its manifest, the figures measured on its test rows, and whether it is published."""

    name: str
    version: str
    path: Path
    published: bool
    manifest: Manifest
    metrics: dict[str, Any]

    @property
    def kind(self) -> str:
        """What a row is: text, image, signal or table."""
        return self.manifest.task.rows

    @property
    def one_text(self) -> bool:
        """Whether a row is one text."""
        return KINDS[self.kind].one_text

    @property
    def cells(self) -> bool:
        """Whether a row is columns with values."""
        return in_columns(self.kind)

    @property
    def finds_boxes(self) -> bool:
        """Whether it finds boxes in pictures."""
        return self.manifest.detection is not None

    @property
    def full(self) -> str:
        """The name by which other tools open it."""
        return f"{self.name}@{self.version}"

    @property
    def test(self) -> dict[str, Any]:
        """The figures on the test rows; empty where none were measured."""
        found = self.metrics.get("test")
        return found if isinstance(found, dict) else {}

    @property
    def figures(self) -> list[tuple[str, float, list[float] | None]]:
        """The headline figures with their confidence intervals."""
        intervals = self.test.get("confidence_intervals") or {}
        return [
            (name, float(self.test[name]), intervals.get(name))
            for name in FIGURES
            if isinstance(self.test.get(name), int | float)
        ]

    @property
    def has_report(self) -> bool:
        """Whether the bundle holds a report."""
        return "report.html" in self.manifest.files

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int) -> tuple[Manifest, dict[str, Any]]:
    """Return manifest and metrics of a version, which never changes."""
    manifest = Manifest.model_validate_json(read_regular(path / FILE, _LARGEST))
    try:
        metrics = json.loads(read_regular(path / "metrics.json", _LARGEST).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        metrics = {}
    return manifest, metrics if isinstance(metrics, dict) else {}


def version_of(name: str, version: str | None = None) -> Version:
    """Return a version of a model; the published one where none is named.

    Raises
    ------
    LimbeckError
        When there is none, or its files are damaged.
    """
    published = _published(name)
    chosen = current_version(name) if version is None else full_version(name, version)
    path = home() / name / chosen
    try:
        manifest, metrics = _read(path, (path / FILE).stat().st_mtime_ns)
    except (OSError, ValueError) as error:
        raise LimbeckError("cannot be read", where=path, fix="remove this version and add it again") from error
    return Version(name, chosen, path, published == chosen, manifest, metrics)


def _published(name: str) -> str | None:
    try:
        return current_version(name)
    except LimbeckError:
        return None


def published() -> list[Version]:
    """Return the published version of each model that has one and can be read, by name."""
    found = []
    for name in names():
        try:
            found.append(version_of(name))
        except LimbeckError:
            continue
    return found


def all_versions(name: str) -> list[Version]:
    """Return the versions of a model that can be read, the newest first."""
    found = []
    for version in versions(name):
        try:
            found.append(version_of(name, version))
        except LimbeckError:
            continue
    return sorted(found, key=lambda one: one.manifest.created, reverse=True)
