"""Files with which a server is deployed: for KServe, for containers, and for systemd."""

from __future__ import annotations

import json
import re
from pathlib import Path

from limbeck.files import write_text
from limbeck.serving.deploy.container import DOCKERFILE
from limbeck.serving.deploy.kserve import inference_service, serving_runtime
from limbeck.serving.deploy.systemd import unit
from limbeck.serving.settings import Settings


def write(folder: Path, settings: Settings, port: int) -> list[Path]:
    """Write the files into a folder; return their paths.

    Raises
    ------
    LimbeckError
        When the folder cannot be written.
    """
    drain = settings.drain or 5.0
    files = {
        "Dockerfile": DOCKERFILE,
        "serving-runtime.yaml": as_yaml(serving_runtime(drain)),
        **{f"{name}.yaml": as_yaml(inference_service(kubernetes_name(name))) for name in settings.models},
        "limbeck.service": unit(settings, port, drain),
    }
    for name, content in files.items():
        write_text(folder / name, content)
    return [folder / name for name in files]


def kubernetes_name(name: str) -> str:
    """Return a model's name as Kubernetes takes names: RFC 1123 labels."""
    return re.sub(r"[^a-z0-9-]", "-", name.lower()).strip("-")[:63]


def as_yaml(value: object) -> str:
    """Return plain data as YAML: every text is quoted as in JSON, which YAML contains."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: object, before: str) -> list[str]:
    if isinstance(value, dict) and value:
        out = []
        for key, item in value.items():
            if isinstance(item, dict | list) and item:
                out += [f"{before}{key}:", *_lines(item, before + "  ")]
            else:
                out.append(f"{before}{key}: {json.dumps(item)}")
        return out
    if isinstance(value, list) and value:
        out = []
        for item in value:
            inner = _lines(item, before + "  ")
            out += [f"{before}- {inner[0].lstrip()}", *inner[1:]]
        return out
    return [f"{before}{json.dumps(value)}"]
