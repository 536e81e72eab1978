"""Shards answered by processes of this machine, one for each core: ``--on processes``.

Encoding texts is Python's work, so threads of one process share one core. Each process opens the bundle on one thread
and takes shards from one queue. One that is killed, or reads no row for ``stall`` seconds, leaves its shard to another.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from queue import Empty, SimpleQueue
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.process.cores import cores
from limbeck.process.import_path import import_path
from limbeck.process.pipes import receive, send
from limbeck.scale.outcomes import ATTEMPTS, Failed, Outcome, Outcomes, error_from_json, killed
from limbeck.scale.plan import Shard
from limbeck.scale.shard import Job, Record

_TICK = 0.5  # seconds after which the caller gets to look around


def count_of(detail: str) -> int:
    """Return how many processes ``processes:N`` names; one for each core without N.

    Raises
    ------
    LimbeckError
        Where N is no number, or 0.
    """
    if detail and not (detail.isascii() and detail.isdigit() and int(detail)):
        raise LimbeckError(f"{detail!r} is not a number of processes", where="--on", fix="e.g. processes:4")
    return int(detail) if detail else cores()


def on_processes(job: Job, shards: list[Shard], *, count: int | None, stall: float) -> Outcomes:
    """Answer shards on ``count`` processes, by default one for each core; see `limbeck.scale.outcomes.Scheduler`."""
    outcomes: SimpleQueue[Outcome | _Stop] = SimpleQueue()
    waiting: SimpleQueue[tuple[Shard, int] | None] = SimpleQueue()
    for shard in shards:
        waiting.put((shard, 0))
    many = max(1, min(count or cores(), len(shards)))
    slots = [_Slot(job, waiting, outcomes) for _ in range(many)]
    left = len(shards)
    try:
        while left:
            try:
                outcome = outcomes.get(timeout=_TICK)
            except Empty:
                outcome = 0
            if isinstance(outcome, _Stop):
                raise outcome.error
            left -= not isinstance(outcome, int)
            for slot in slots:
                slot.end_stalled(stall)
            yield outcome
    finally:
        for slot in slots:
            slot.close()  # all of them before the first is waited for: they take from one queue
        for slot in slots:
            slot.join()


class _Stop:
    """What ends the whole job, not one shard."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Slot:
    """A thread that keeps one process at work, and starts another one where it was killed."""

    def __init__(self, job: Job, waiting: SimpleQueue[Any], outcomes: SimpleQueue[Any]) -> None:
        self._job, self._waiting, self._outcomes = job, waiting, outcomes
        self._process: subprocess.Popen[bytes] | None = None
        self._heard, self._busy, self._stalled, self._closed = time.monotonic(), False, 0.0, False
        self._thread = threading.Thread(target=self._work, name="limbeck-slot", daemon=True)
        self._thread.start()

    def end_stalled(self, stall: float) -> None:
        """Kill a process that has read no row for ``stall`` seconds."""
        if self._busy and time.monotonic() - self._heard > stall and self._process is not None:
            self._stalled = stall
            self._process.kill()

    def close(self) -> None:
        """End the process; what it had not finished is answered by the next run."""
        self._closed = True
        self._waiting.put(None)
        if self._process is not None:
            self._process.kill()

    def join(self) -> None:
        """Wait until the thread has ended its process."""
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._closed and (task := self._waiting.get()) is not None:
                self._answer(*task)
        except BaseException as error:
            self._outcomes.put(_Stop(error))
        finally:
            self._end()

    def _answer(self, shard: Shard, attempts: int) -> None:
        try:
            self._heard, self._busy, self._stalled = time.monotonic(), True, 0.0
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            send(process.stdin, {"shard": asdict(shard)})
            while True:
                message = receive(process.stdout)[0]
                self._heard = time.monotonic()
                if "rows" in message:
                    self._outcomes.put(int(message["rows"]))
                    continue
                failed = message.get("failed")
                self._outcomes.put(
                    Record(**message["record"]) if failed is None else Failed(shard, error_from_json(failed))
                )
                return
        except (OSError, EOFError, ValueError):  # it was killed, or talks nonsense
            self._end()
            if self._closed:
                return
            if attempts + 1 < ATTEMPTS:
                self._waiting.put((shard, attempts + 1))
            else:
                why = f"no row was read for {self._stalled:g} s," if self._stalled else "the process was killed"
                self._outcomes.put(Failed(shard, killed(shard, why)))
        finally:
            self._busy = False

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, started and ready.

        Raises
        ------
        LimbeckError
            Where it finds another bundle than the job began with.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                # -P: the working folder, which may hold anything, is no place to import from.
                [sys.executable, "-P", "-m", "limbeck.scale.shard_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | import_path(),
                start_new_session=True,  # an interrupt from the keyboard is this process's to answer
            )
            assert self._process.stdin is not None and self._process.stdout is not None
            send(self._process.stdin, {"job": self._job.dump()})
            first = receive(self._process.stdout)[0]
            if "unfit" in first:
                raise error_from_json(first["unfit"])
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError), process:  # closes its pipes and waits for its end
                pass
