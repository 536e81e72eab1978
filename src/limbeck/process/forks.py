"""What a process that was forked must make anew, and what it cannot do at all: threads do not survive a fork.

Servers that load before they fork (gunicorn ``--preload``) and `multiprocessing` with the start method ``fork`` copy a
process that holds thread pools, but not their threads: whoever waits for one of these pools waits for ever. What can be
made anew is, by `made_anew`. polars keeps one pool for the whole process that cannot, so what needs it is refused.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from limbeck.errors import LimbeckError


class Forked(Protocol):
    """A thing that holds threads or pipes."""

    def after_fork(self) -> None:
        """Let go of what the child cannot use; called in the child, before anything else runs there."""


_anew: WeakSet[Forked] = WeakSet()
_lost = False  # whether polars had begun its threads when this process was forked


def made_anew(thing: Forked) -> None:
    """Have ``thing.after_fork()`` called in every process that is forked from this one."""
    _anew.add(thing)


def refuse_forked() -> None:
    """Refuse to read rows of tables or signals where polars would wait for ever.

    Raises
    ------
    LimbeckError
        In a process that was forked after polars had begun its threads.
    """
    if _lost:
        what = "this process was forked after its parent had read tables, and polars would wait for ever in it"
        fix = "load after the fork (gunicorn without --preload), or start processes by 'spawn'"
        raise LimbeckError(what, fix=fix)


def _polars_has_begun() -> bool:
    if "polars" not in sys.modules:
        return False
    try:
        tasks = list(Path("/proc/self/task").iterdir())
    except OSError:  # no Linux: nothing tells, so it is taken for granted
        return True
    for task in tasks:
        try:
            name = (task / "comm").read_text("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        if name.startswith("polars-") and name.strip()[7:].isdigit():
            return True
    return False


def _before() -> None:
    global _before_fork
    _before_fork = _polars_has_begun()


def _in_child() -> None:
    global _lost
    _lost = _lost or _before_fork
    # Told to be parallel, the package tokenizers would wait in the child for threads that only the parent has.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for thing in list(_anew):
        thing.after_fork()


_before_fork = False
if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(before=_before, after_in_child=_in_child)
