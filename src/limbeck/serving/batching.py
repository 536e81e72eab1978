"""A micro-batcher: requests that are read in one turn of the event loop are answered together, one turn later.

Nothing waits when the server is idle: there is no timer. A batch that is expected to take at most `INLINE` seconds runs
in the event loop's thread, which saves the hop to another one; a longer one runs in the model's own thread, so that
health checks never wait. What a batch takes is learned from those before it (`Pace`). A large request is answered in
pieces, and small ones get their turn between them. Rows of one batch are grouped by length in
`limbeck.kinds.text.encoding.ragged.batches`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.kinds.select import Values
from limbeck.serving.http import Refusal
from limbeck.serving.pace import Pace
from limbeck.serving.waiting import Outcome, Waiting, alike, deliver, joined, piece

INLINE = 0.005  # seconds of a batch that may run in the event loop's thread
THREAD = 0.1  # seconds of a batch in the model's thread: a new request waits for one of these at most
WATCHED = 0.05  # seconds after which a waiting request's client is watched for hanging up
Run = Callable[[Values], Outcome]


class Batcher:
    """Answers the requests to one model.

    Parameters
    ----------
    run
        N checked values -> their answers.
    cost
        N checked values -> what they cost, in a unit of their kind.
    window
        Rows of a batch at most.
    queue_seconds
        Work that may wait; see `Settings`.
    """

    def __init__(self, run: Run, cost: Callable[[Any], int], window: int, queue_seconds: float = 2.0) -> None:
        self.run, self.cost, self.window, self.queue_seconds = run, cost, window, queue_seconds
        self.pace = Pace()
        self.queue: deque[Waiting] = deque()
        self.waiting_rows = self.waiting_cost = 0
        self.batches = self.batched_rows = 0
        self._thread: ThreadPoolExecutor | None = None
        self._busy = self._planned = False
        self._finished, self._waited = 0.0, False  # when the last batch was, and whether work waited then

    def submit(
        self, values: Values, deadline: float, gone: Callable[[], Awaitable[None]] | None = None
    ) -> asyncio.Future[Outcome]:
        """Have checked values answered before ``deadline``, in seconds of `time.perf_counter`.

        Raises
        ------
        Refusal
            429 when too much is waiting. The future has a `Refusal` of 504 when the deadline passes first.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        waiting = Waiting(values, self.cost(values), deadline, future)
        ahead = self.pace.rate * self.waiting_cost
        if self.queue and ahead > self.queue_seconds:
            again = str(max(1, math.ceil(ahead / 2)))
            raise Refusal(429, f"{self.waiting_rows:,} rows are waiting; try again later", [("retry-after", again)])
        waiting.gone = gone
        self.queue.append(waiting)
        self.waiting_rows += waiting.rows
        self.waiting_cost += waiting.cost
        self._plan(loop)
        return future

    def close(self) -> None:
        """Stop the model's thread once what has been submitted is answered."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._planned and not self._busy:
            self._planned = True
            # One turn later all requests that were read together have been submitted.
            loop.call_soon(loop.call_soon, self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._planned = False
        pieces, values, cost = self._taken()
        if not pieces:
            return
        if self.pace.seconds(cost) <= INLINE:
            self._finish(pieces, *self._timed(values, cost))
        else:
            self._watch(loop, [waiting for waiting, _, _ in pieces])
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="limbeck-model")
            self._busy = True
            running = self._thread.submit(self._timed, values, cost)
            running.add_done_callback(
                lambda done: loop.call_soon_threadsafe(self._after, loop, pieces, done.result())  # never raises
            )
        if self.queue:
            self._watch(loop, self.queue)
            self._plan(loop)

    def _after(self, loop: asyncio.AbstractEventLoop, pieces: list[_Piece], made: _Made) -> None:
        self._busy = False
        self._finish(pieces, *made)
        if self.queue:
            self._plan(loop)

    def _taken(self) -> tuple[list[_Piece], Values, int]:
        """Take the next batch off the queue: pieces of requests, at most a window and the seconds of a batch."""
        now = time.perf_counter()
        pieces: list[_Piece] = []
        parts: list[Values] = []
        total = rows = 0
        most = self._most_cost()
        for _ in range(len(self.queue)):
            waiting = self.queue.popleft()
            if waiting.future.done():  # the client has gone, or another piece has failed
                self._drop(waiting)
                continue
            if now > waiting.deadline:
                self._drop(waiting)
                waiting.future.set_exception(Refusal(504, "the deadline passed before the request was answered"))
                continue
            left = waiting.rows - waiting.done
            whole = self.window  # rows of this request that a batch of its own would hold
            part = piece(waiting, min(left, whole - rows))
            cost = self.cost(part)
            if cost > most - total and left:  # as many rows as there is room for; of the first request at least one
                fits = int(len(part) * (most - total) / cost)
                if not pieces:
                    fits = max(fits, 1)
                if not fits or (pieces and not alike(parts[0], part)):
                    self.queue.appendleft(waiting)
                    break
                whole = int(len(part) * most / cost)
                part = piece(waiting, fits)
                cost = self.cost(part)
            elif pieces and not alike(parts[0], part):
                self.queue.appendleft(waiting)
                break
            pieces.append((waiting, waiting.done, len(part)))
            parts.append(part)
            waiting.done += len(part)
            total += cost
            rows += len(part)
            self.waiting_rows -= len(part)
            self.waiting_cost = max(0, self.waiting_cost - cost)
            left -= len(part)
            if left > whole:
                self.queue.append(waiting)  # a large request lets the others go first
            elif left:
                self.queue.appendleft(waiting)
                break
            if rows >= self.window or total >= most:
                break
        if not self.queue:
            self.waiting_rows = self.waiting_cost = 0
        return pieces, joined(parts), total

    def _most_cost(self) -> float:
        """Return the cost of a batch that takes `INLINE` seconds, or of a slow model the one that takes `THREAD`."""
        pace = self.pace
        if not pace.each:
            return math.inf
        few = (INLINE - pace.fixed) / pace.each
        return few if few >= 1 else max((THREAD - pace.fixed) / pace.each, 1.0)

    def _drop(self, waiting: Waiting) -> None:
        self.waiting_rows = max(0, self.waiting_rows - (waiting.rows - waiting.done))
        left = waiting.cost * (waiting.rows - waiting.done) // max(waiting.rows, 1)
        self.waiting_cost = max(0, self.waiting_cost - left)
        if waiting.watch is not None:
            waiting.watch.cancel()

    def _timed(self, values: Values, cost: int) -> _Made:
        """Answer a batch; an error is returned, not raised, as it belongs to the requests."""
        start = time.perf_counter()
        try:
            outcome: Outcome | BaseException = self.run(values)
        except Exception as error:  # whoever waits for the answer gets it
            outcome = error
        return outcome, cost, time.perf_counter() - start

    def _finish(
        self, pieces: list[_Piece], outcome: Outcome | BaseException, cost: int, seconds: float
    ) -> None:  # fmt: skip
        now = time.perf_counter()
        between = now - seconds - self._finished if self._waited else 0.0
        self.pace.observe(cost, seconds, max(between, 0.0))
        self._finished, self._waited = now, bool(self.queue)
        self.batches += 1
        start = 0
        for waiting, at, rows in pieces:
            self.batched_rows += rows
            if not waiting.future.done():
                if isinstance(outcome, BaseException):
                    waiting.future.set_exception(outcome)
                else:
                    deliver(waiting, at, rows, outcome, start)
            if waiting.watch is not None and waiting.future.done():
                waiting.watch.cancel()
            start += rows

    def _watch(self, loop: asyncio.AbstractEventLoop, waiting: Any) -> None:
        """Look whether the clients of requests that have waited for a while are still there."""
        now = time.perf_counter()
        for one in waiting:
            if one.gone is not None and one.watch is None and (now - one.arrived > WATCHED or self._busy):
                one.watch = loop.create_task(_cancel_when_gone(one.future, one.gone))


_Piece = tuple[Waiting, int, int]  # a request, the place of its first row in this batch, and rows
_Made = tuple[Outcome | BaseException, int, float]


async def _cancel_when_gone(future: asyncio.Future[Outcome], gone: Callable[[], Awaitable[None]]) -> None:
    await gone()
    future.cancel()


def failure(error: BaseException) -> Refusal:
    """Return what a request is told whose batch failed."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, LimbeckError):
        return Refusal(500, str(error))
    return Refusal(500, "the model failed; see the server's log")
