"""Trains in child processes that are killed with SIGKILL at the moments asked for, then resumes to the end.

Usage: killed.py RECIPE DATA OUT MOMENT… where a moment is ``checkpoints:N`` (N were written by this child),
``seconds:S`` after the first of them, or ``export`` (the finished bundle is being written). Every child is a fork made
before any thread was started, so that torch is imported only once.
"""

import os
import signal
import sys
import time
import traceback
from pathlib import Path

from limbeck.training.train import train, work_folder

recipe, data, out = map(Path, sys.argv[1:4])
checkpoint = work_folder(out) / "checkpoint.pt"


def inode() -> int:
    try:
        return checkpoint.stat().st_ino
    except OSError:
        return 0


def reached(moment: str, seen: int, first: float) -> bool:
    kind, _, amount = moment.partition(":")
    if kind == "checkpoints":
        return seen >= int(amount)
    if kind == "seconds":
        return first > 0 and time.monotonic() - first >= float(amount)
    return any(out.parent.glob(f".{out.name}.*.part"))


def child(resume: bool) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            train(recipe, data=data, out=out, resume=resume)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return pid


for number, moment in enumerate(sys.argv[4:]):
    pid, last, seen, first = child(resume=number > 0), inode(), 0, 0.0
    deadline = time.monotonic() + 100
    while not reached(moment, seen, first):
        if time.monotonic() > deadline or os.waitpid(pid, os.WNOHANG)[0]:
            sys.exit(f"the child ended before {moment}")
        if (now := inode()) not in (last, 0):
            last, seen = now, seen + 1
            first = first or time.monotonic()
    os.kill(pid, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1]), f"the child was over at {moment}"
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child(resume=len(sys.argv) > 4), 0)[1]))
