"""What the server and its models say of themselves."""

from __future__ import annotations

from typing import Any

from limbeck.serving.loaded import Loaded
from limbeck.serving.repository import Repository
from limbeck.version import __version__

EXTENSIONS = ("binary_tensor_data", "model_repository")


def server() -> dict[str, Any]:
    """Return the metadata of the server."""
    return {"name": "limbeck", "version": __version__, "extensions": list(EXTENSIONS)}


def model(name: str, loaded: Loaded, versions: list[str]) -> dict[str, Any]:
    """Return the metadata of a model.

    ``parameters`` holds what the protocol has no place for: the classes, the threshold and the kind of rows.
    """
    classes = loaded.classifier.classes
    given = [
        {"name": port.name, "datatype": port.datatype, "shape": list(port.shape)} for port in loaded.ports
    ]  # fmt: skip
    return {
        "name": name,
        "versions": versions,
        "platform": "limbeck_onnx",
        "inputs": given,
        "outputs": loaded.ports_out(),
        "parameters": {
            "classes": list(classes),
            **loaded.facts(),
            "kind": loaded.kind.name,
            "many": loaded.tensors.MANY,
            "boxes": loaded.finds_boxes,
        },
    }


def index(repository: Repository) -> list[dict[str, str]]:
    """Return the index of the repository: every known model, its version and whether it is ready."""
    out = []
    for name in sorted({*repository.known, *repository.models}):
        there = repository.models.get(name)
        if there is None:
            why = repository.failed.get(name, "loading")
            out.append({"name": name, "version": "", "state": "UNAVAILABLE", "reason": why})
            continue
        for loaded in there.versions:
            reason = "" if loaded is there.current else "shadow" if there.route.shadow else "candidate"
            out.append({"name": name, "version": loaded.version, "state": "READY", "reason": reason})
    return out
