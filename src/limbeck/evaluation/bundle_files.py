"""What the files of a bundle tell of it: its metrics, what the export gate found, how far teachers were trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.training_hashes import surely_learned
from limbeck.errors import LimbeckError
from limbeck.evaluation.report.trust import read_trust
from limbeck.files import read_regular
from limbeck.messages.baseline_names import elsewhere
from limbeck.messages.message import Message, from_json, message

_LARGEST = 32 * 2**20  # bytes of the JSON of a bundle


def facts_of(classifier: Classifier) -> dict[str, Any]:
    """Return what a reader of a report wants to know of the classifier."""
    manifest = classifier.manifest
    size = sum((classifier.path / name).stat().st_size for name in (*manifest.files, "bundle.json"))
    return {
        "network": manifest.network,
        "parameters": manifest.parameters,
        "size": f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.0f} KiB",
        "threshold": manifest.threshold,
        "temperature": manifest.temperature,
        "created": manifest.created.replace("T", " ").replace("+00:00", " UTC"),
        "limbeck": manifest.limbeck,
    }


def stored_metrics(folder: Path) -> dict[str, Any]:
    """Return what was measured when the bundle was made; empty when it is not there."""
    return _json(folder / "metrics.json")


def stored_baselines(stored: Mapping[str, Any], unnamed: str = "baseline") -> list[dict[str, Any]]:
    """Return the lines of baselines of `stored_metrics`, each said to be of the bundle's own test rows.

    ``unnamed`` is the name of a line that has none.
    """
    known = [row for row in stored.get("baselines", []) if isinstance(row, dict)]
    return [{**row, "name": elsewhere(row.get("name", unnamed))} for row in known]


def learned_warning(folder: Path, keys: Sequence[str]) -> list[Message]:
    """Return a warning where a bundle has learned from rows of these keys."""
    count = surely_learned(folder, keys)
    return [message("seen.bundle", count=count, total=len(keys))] if count else []


def export_facts(folder: Path) -> dict[str, Any] | None:
    """Return what the gate found when the bundle was exported, flat."""
    found = _json(folder / "export.json")
    if not found:
        return None
    int8 = found.pop("int8", {})
    int8 = dict(int8) if isinstance(int8, dict) else {}
    known = int8.pop("message", None)
    if isinstance(int8.get("reason"), str):
        int8["reason"] = from_json(known, int8["reason"])
    return found | int8


def trust_of(folder: Path) -> tuple[dict[str, Any] | None, list[Message]]:
    """Return a bundle's trust report, or why the page goes without: an evaluation does not fail for it."""
    try:
        return read_trust(folder), []
    except LimbeckError as error:
        return None, [message("evaluation.trust_left_out", reason=error.message())]


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_regular(file, _LARGEST, inside=file.parent).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
