"""One training at a time in a process, and everything of the process that it changes put back.

torch's random numbers and threads, accelerate's state and the exporter's settings belong to the process, not to a
thread: of two trainings at once each would change the other's. So the second waits until the first has ended; each
gives the bundle that it gives alone. To train side by side, start a process for each.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator

import torch
from accelerate.state import AcceleratorState, GradientState, PartialState

from limbeck.process.forks import made_anew, refuse_forked
from limbeck.progress import say

_CACHE = "TORCHINDUCTOR_CACHE_DIR"
_STATES = (AcceleratorState, PartialState, GradientState)


class _Turn:
    """Whose turn it is to train; a training may call another, as the search does."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        made_anew(self)

    def after_fork(self) -> None:
        """Forget a training of the parent, which does not go on here."""
        self.lock = threading.RLock()


_turn = _Turn()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other thread of this process trains; inside, change what is changed; then put it back.

    Raises
    ------
    LimbeckError
        In a forked process that cannot read tables; see `limbeck.process.forks`.
    """
    refuse_forked()
    lock = _turn.lock
    if not lock.acquire(blocking=False):
        say("waiting for another training in this process to end")
        lock.acquire()
    try:
        with _as_before():
            yield
    finally:
        lock.release()


@contextlib.contextmanager
def _as_before() -> Iterator[None]:
    # torch's compiler, which is imported and never used, would make a folder named after the user to cache its work.
    cache = os.environ.get(_CACHE)
    os.environ.setdefault(_CACHE, tempfile.gettempdir())
    threads, states = torch.get_num_threads(), [dict(state._shared_state) for state in _STATES]
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            if cache is None:
                os.environ.pop(_CACHE, None)
            torch.set_num_threads(threads)
            for state, before in zip(_STATES, states, strict=True):
                state._shared_state.clear()
                state._shared_state.update(before)
