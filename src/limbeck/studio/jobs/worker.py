"""A worker: claim a job, do it, report while it runs. Any number of workers, on any machine, share the queue."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from limbeck.errors import LimbeckError
from limbeck.events import Cancelled, Event, Token
from limbeck.studio.jobs import queue
from limbeck.studio.jobs.chores import keep_doing
from limbeck.studio.jobs.kinds import kind_of
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.owners import owner_name

IDLE = 0.5  # seconds between two looks at an empty queue
SWEEP = 5.0  # seconds between two sweeps
log = logging.getLogger(__name__)


@dataclass
class Context:
    """What a job is given: whom it tells how far it is, and by what it is stopped."""

    token: Token = field(default_factory=Token)
    stage: str = ""
    done: int = 0
    total: int | None = None
    lost: bool = False
    asked: bool = False  # by a person

    def listen(self, event: Event) -> None:
        """Keep the last event of a run of Limbeck."""
        self.tell(event.stage, event.done, event.total)

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """Say how far a stage has come; the next heartbeat writes it."""
        self.stage, self.done, self.total = stage, done, total


class Worker:
    """Works on the queue until it is told to stop."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._context: Context | None = None

    def stop(self) -> None:
        """Stop at the next safe point; the job at hand goes back to the queue. Signal handlers may call it."""
        self._stopping.set()
        if (context := self._context) is not None:
            context.token.cancel()

    def run(self, *, until_empty: bool = False) -> int:
        """Do jobs until told to stop, or until none is left; return how many were done."""
        done, swept = 0, -SWEEP
        if not until_empty:
            keep_doing(self._stopping)
        with owner_name() as owner:
            while not self._stopping.is_set():
                job = None
                try:
                    close_old_connections()
                    if time.monotonic() - swept >= SWEEP:
                        queue.sweep()
                        swept = time.monotonic()
                    job = queue.claim(owner)
                except DatabaseError as error:  # it may come back
                    log.warning("the database does not answer: %s", error)
                    connection.close()
                if job is not None:
                    self._do(job, owner)
                    done += 1
                elif until_empty:
                    break
                else:
                    self._stopping.wait(IDLE)
        return done

    def _do(self, job: Job, owner: str) -> None:
        """Do one job and note how it ended."""
        context = self._context = Context(stage=job.stage, done=job.done, total=job.total)
        if self._stopping.is_set():
            context.token.cancel()
        kind = kind_of(job)
        if kind is None:
            queue.fail(job, owner, queue.UNKNOWN_KIND)
            return
        try:
            with _beating(job, owner, context):
                result = kind.do(job, context)
        except Cancelled:
            if context.asked:
                queue.cancelled(job, owner)
            elif not context.lost:
                queue.release(job, owner)
        except LimbeckError as error:
            queue.fail(job, owner, line(error, job))
        except Exception:
            log.exception("job %s failed", job.pk)
            queue.fail(job, owner, "defect")
        else:
            queue.finish(job, owner, result)
        finally:
            self._context = None


def line(error: LimbeckError, job: Job) -> str:
    """Return an error in one line with files as who uploaded them names them, without the folders of this machine."""
    return str(error).replace(f"{job.folder / 'input'}/", "").replace(f"{settings.HOME}/", "")


@contextlib.contextmanager
def _beating(job: Job, owner: str, context: Context) -> Any:
    """Report in a thread of its own while a job runs."""
    ended = threading.Event()

    def beats() -> None:
        pause = min(1.0, settings.CONFIG.lease_seconds / 4)
        while not ended.wait(pause):
            with contextlib.suppress(DatabaseError):  # the next one may get through before the lease ends
                report(job, owner, context)
        connection.close()

    thread = threading.Thread(target=beats, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def report(job: Job, owner: str, context: Context) -> None:
    """Keep the lease, write down how far a job has come, and tell its context what the queue answers.

    What an earlier worker had reached stays written down until this one has come further.
    """
    stage, done, total = context.stage, context.done, context.total
    # What Limbeck tells between its stages has none of these names.
    kind = kind_of(job)
    further = kind is not None and (kind.place(stage), done) > (kind.place(job.stage), job.done)
    if not further:
        stage, done, total = job.stage, job.done, job.total
    answer = queue.beat(job, owner, stage=stage, done=done, total=total, further=further)
    if answer is not queue.Beat.GO_ON:
        context.lost = context.lost or answer is queue.Beat.LOST
        context.asked = context.asked or answer is queue.Beat.CANCEL
        context.token.cancel()
