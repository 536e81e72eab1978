"""Notice a process that is cut off: its connections stay open, so that collective calls would wait for it for ever.

Every process counts up in the store of the group, rank 0 watches the counters of all, the others that of rank 0. The
store is asked by a thread, and a second one watches the clock, as a question to a host that is cut off gets no answer.
The main thread may be inside a collective call that nothing ends; so the process ends.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

import torch.distributed as dist

LOST_AFTER = float(os.environ.get("LIMBECK_LOST_SECONDS", "40"))  # of silence


@contextlib.contextmanager
def heartbeat(
    store: dist.Store, rank: int, size: int, lost: Callable[[], None], after: float = LOST_AFTER
) -> Iterator[None]:
    """Call ``lost``, which ends the process, when the store or a process that is watched is silent for too long.

    Parameters
    ----------
    store
        A connection that nothing else uses.
    after
        Seconds of silence.
    """
    over, watched = threading.Event(), range(1, size) if rank == 0 else range(1)
    counts = dict.fromkeys(watched, -1)
    heard = dict.fromkeys((*watched, rank), time.monotonic())

    def beat() -> None:
        with contextlib.suppress(RuntimeError):  # the store is gone; the other thread notices
            while not over.wait(after / 8):
                store.add(f"alive/{rank}", 1)
                heard[rank] = time.monotonic()
                for other in watched:
                    count = store.add(f"alive/{other}", 0)
                    if count != counts[other]:
                        counts[other], heard[other] = count, time.monotonic()

    def watch() -> None:
        while not over.wait(after / 40):
            if time.monotonic() - min(heard.values()) > after:
                lost()
                break

    for work in (beat, watch):
        threading.Thread(target=work, daemon=True).start()
    try:
        yield
    finally:
        over.set()
