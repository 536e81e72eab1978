"""Models of Hugging Face's libraries: opened without their bars and warnings, and only with a tokenizer that fits.

Where a folder lacks the tokenizer's files, transformers makes an empty tokenizer and says nothing: every word is then
unknown, and every text gets the same answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from limbeck.process.quiet import without_warnings

_ENOUGH = 8  # different texts without a known word; fewer may be odd ones
_lock = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from drawing bars and logging warnings; its settings are put back."""
    from transformers.utils import logging

    with _lock:
        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            with without_warnings("transformers"):
                yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


def misfit(tokens: int, special: int, embeddings: int | None = None) -> str | None:
    """Return what is wrong with a tokenizer of so many tokens, some special, beside a model; None where it fits.

    A model may have some embeddings more than tokens, as they are filled up to a round number, but not twice as many.
    """
    if tokens <= special:
        return "there is no tokenizer in it: the one that transformers makes up knows no word"
    if embeddings is not None and tokens > embeddings:
        return f"the tokenizer has {tokens:,} tokens, the model only {embeddings:,}"
    if embeddings is not None and 2 * tokens < embeddings:
        return f"the tokenizer has only {tokens:,} tokens, the model {embeddings:,}"
    return None


def knows_nothing(texts: Sequence[str], rows: Iterable[Sequence[int]], special: Iterable[int]) -> bool:
    """Return whether the tokens of many different texts are special and unknown ones alone."""
    without = set(special)
    return len(set(texts)) >= _ENOUGH and all(without.issuperset(row) for row in rows)
