"""The processor cores of this process, and a loop over many items that uses them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, NoReturn


def cores() -> int:
    """Number of processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(function: Callable[[int], Any], count: int, workers: int | None = None) -> None:
    """Call ``function`` with 0 to ``count - 1`` on threads: for work that lets go of the interpreter's lock.

    Parameters
    ----------
    workers
        Threads; by default one for each core.
    """
    threads = min(workers or cores(), count)
    if threads <= 1:
        for at in range(count):
            function(at)
        return
    # Runs of items, several for each thread: handing over single ones would cost as much as a small picture does.
    size = max(1, min(16, count // (4 * threads)))

    def run(start: int) -> None:
        for at in range(start, min(start + size, count)):
            function(at)

    with ThreadPoolExecutor(threads, thread_name_prefix="limbeck-each") as pool:
        for done in [pool.submit(copy_context().run, run, start) for start in range(0, count, size)]:
            done.result()


def place() -> tuple[int, int]:
    """Return this process's rank and the number of processes of its run; (0, 1) alone.

    Workers of Ray, SLURM and notebooks find RANK and WORLD_SIZE in their environment too, and may each train a student
    of their own. So processes join only under torchrun, which says so, or where LIMBECK_JOIN is 1.
    """
    asked = "TORCHELASTIC_RUN_ID" in os.environ or os.environ.get("LIMBECK_JOIN") == "1"
    if not asked or not all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")):
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def leave(status: int) -> NoReturn:
    """End this process, one of several whose work is done and whose group is left, without taking it apart.

    Threads of the group's store may end in an abort when the interpreter goes, and torchrun would call the finished run
    failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
