"""Runs as forks of this process: begun, waited for, and killed at a moment."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

PATIENCE = 300.0  # seconds for a run; none takes that long


def forked(work: Callable[[], None], log: Path) -> int:
    """Do some work in a fork; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        with log.open("ab", buffering=0) as file:
            os.dup2(file.fileno(), 2)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended(pid: int) -> int | None:
    """Return the exit status of a process, negative for a signal; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def until_end(pid: int) -> int:
    """Wait for a process and return its exit status; one that hangs is killed."""
    deadline = time.monotonic() + PATIENCE
    while (status := ended(pid)) is None:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    return status


def killed(pid: int, reached: Callable[[], bool], pause: float) -> int:
    """Kill a process once a moment is reached; return its exit status, -9 if it was killed and not over before."""
    while not reached():
        if (status := ended(pid)) is not None:
            return status
        if pause:
            time.sleep(pause)
    os.kill(pid, signal.SIGKILL)
    return until_end(pid)


def remove(place: Path) -> None:
    """Remove a folder with all that is in it."""
    for file in sorted(place.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()
    place.rmdir()
