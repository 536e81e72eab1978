"""Texts on their way to another process: which are worth it, and what is sent of them."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.errors import LimbeckError
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.ragged import Ragged

MANY = 50_000  # texts; below that starting a process costs more than it saves
EACH = 25_000  # texts that are worth one more process


def run_of(encoder: TextInput, tokens: int) -> int:  # noqa: ARG001
    """Return how many texts are handed over at once: a window, so that batches are the same ones as in one process."""
    return encoder.window


def sent(texts: Sequence[str]) -> list[str]:
    """Return texts as plain data."""
    return list(texts)


def received(plain: Sequence[str]) -> list[str]:
    """Return the texts that were sent."""
    return list(plain)


def encoded(encoder: TextInput, texts: Sequence[str]) -> tuple[Ragged, dict[int, LimbeckError]]:
    """Encode texts."""
    return encoder.encode_each(texts)
