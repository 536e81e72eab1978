"""A checkpoint holds all that the rest of the run depends on, and is written whole or not at all.

Behind torch's own format, which carries checksums but does not look at them, stands the SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from limbeck.errors import LimbeckError
from limbeck.files import whole_file
from limbeck.training.distributed.processes import ProcessGroup

FILE = "checkpoint.pt"
_MARK = b"limbeck-sha256:"
_TAIL = len(_MARK) + hashlib.sha256().digest_size


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write plain tensors, numbers, strings, lists and dictionaries."""
    memory = io.BytesIO()
    torch.save(state, memory)
    content = memory.getbuffer()
    with whole_file(folder / FILE) as part, part.open("wb") as file:
        file.write(content)
        file.write(_MARK + hashlib.sha256(content).digest())


def load(folder: Path, fingerprint: str, process_group: ProcessGroup | None = None) -> dict[str, Any] | None:
    """Read the checkpoint of the same run, or None when there is none; rank 0 of ``process_group`` reads it for all.

    Raises
    ------
    LimbeckError
        When the checkpoint is damaged or belongs to another recipe or other data.
    """
    file = folder / FILE
    process_group = process_group or ProcessGroup()
    if not process_group.broadcast_json(file.exists()):
        return None
    try:
        content = file.read_bytes() if process_group.is_main else b""
    except OSError as error:
        raise LimbeckError("the checkpoint cannot be read", where=file, fix="train without --resume") from error
    content = process_group.broadcast(content)
    if content[-_TAIL:].startswith(_MARK):  # that of version 0.1.0 has none
        content, digest = content[:-_TAIL], content[-_TAIL:].removeprefix(_MARK)
        if hashlib.sha256(content).digest() != digest:
            raise LimbeckError("the checkpoint is damaged", where=file, fix="train without --resume")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a truncated or foreign file fails in many ways, none of them worth a traceback
        raise LimbeckError("the checkpoint cannot be read", where=file, fix="train without --resume") from error
    if not isinstance(state, dict) or state.get("fingerprint") != fingerprint:
        what = "the checkpoint belongs to another recipe or other data"
        raise LimbeckError(what, where=file, fix="train without --resume, or restore the recipe")
    return state
