"""A checkpoint holds all that the rest of the run depends on, and is written whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from limbeck.errors import LimbeckError
from limbeck.files import whole_file
from limbeck.training.processes import Processes

FILE = "checkpoint.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write plain tensors, numbers, strings, lists and dictionaries."""
    memory = io.BytesIO()
    torch.save(state, memory)
    with whole_file(folder / FILE) as part:
        part.write_bytes(memory.getvalue())


def load(folder: Path, fingerprint: str, company: Processes | None = None) -> dict[str, Any] | None:
    """Read the checkpoint of the same run, or None when there is none; in ``company`` rank 0 reads it for all.

    Raises
    ------
    LimbeckError
        When the checkpoint is broken or belongs to another recipe or other data.
    """
    file = folder / FILE
    company = company or Processes()
    if not company.tell_json(file.exists()):
        return None
    try:
        content = file.read_bytes() if company.first else b""
    except OSError as error:
        raise LimbeckError("the checkpoint cannot be read", where=file, mend="train without --resume") from error
    content = company.tell(content)
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a truncated or foreign file fails in many ways, none of them worth a traceback
        raise LimbeckError("the checkpoint cannot be read", where=file, mend="train without --resume") from error
    if not isinstance(state, dict) or state.get("fingerprint") != fingerprint:
        what = "the checkpoint belongs to another recipe or other data"
        raise LimbeckError(what, where=file, mend="train without --resume, or restore the recipe")
    return state
