"""Boxes as Label Studio exports them: a JSON list of tasks, corners and sides in percent of the picture.

https://labelstud.io/guide/export. Exports reach 100.04 percent (label-studio #5014); what lies outside is clipped. Of
several annotations of a task the last one that was not cancelled counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from limbeck.messages.message import message
from limbeck.tasks.detect.boxes import Rejected
from limbeck.tasks.detect.reading.raw import Raw, RawBox, RawPicture, number, placed


def is_label_studio(content: Any) -> bool:
    """Return whether the content of a JSON file is an export of Label Studio."""
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and isinstance(first.get("data"), dict) and bool(_versions(first))


def read_label_studio(content: Any, file: Path, root: Path) -> Raw:
    """Return the boxes of an export."""
    raw = Raw("label-studio", [], [])
    for place, task in enumerate(content, start=1):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raw.rejected.append(Rejected(file.name, place, "", message("boxes.label_studio_task")))
            continue
        written = next((value for value in task["data"].values() if isinstance(value, str)), "")
        # /data/upload/1/ab12cd34-name.jpg, or /data/local-files/?d=folder/name.jpg
        name = unquote(written.partition("?d=")[2] or written)
        last = name.rsplit("/", 1)[-1]
        folders = (file.parent, root, root / "images", file.parent / "images")
        found = placed(root, name, folders) or placed(root, last.partition("-")[2] or last, folders)
        one = RawPicture(name, found, source=file.name, line=place)
        if isinstance(part := task["data"].get("split"), str):
            one.part = part if part in ("train", "valid", "test") else ""
        for result in _results(task):
            _add(raw, one, result, file, place)
        raw.pictures.append(one)
    return raw


def _add(raw: Raw, one: RawPicture, result: Any, file: Path, place: int) -> None:
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(value, dict) or result.get("type") not in ("rectanglelabels", "rectangle", None):
        return
    given = [value.get(key) for key in ("x", "y", "width", "height")]
    labels = value.get("rectanglelabels") or value.get("labels") or []
    if not all(isinstance(side, int | float) for side in given):
        raw.rejected.append(Rejected(file.name, place, one.name, message("boxes.not_numbers")))
        return
    if value.get("rotation"):
        raw.rejected.append(Rejected(file.name, place, one.name, message("boxes.turned")))
        return
    x, y, width, height = map(number, given)
    label = str(labels[0]) if isinstance(labels, list) and labels else None
    one.boxes.append(RawBox(label, (x, y, x + width, y + height), file.name, place, "percent"))


def _versions(task: dict[str, Any]) -> list[Any]:
    found = task.get("annotations", task.get("completions"))
    return found if isinstance(found, list) else []


def _results(task: dict[str, Any]) -> list[Any]:
    done = [one for one in _versions(task) if isinstance(one, dict) and not one.get("was_cancelled")]
    results = done[-1].get("result") if done else None
    return results if isinstance(results, list) else []
