"""Trials of a search evaluated by several processes of this machine, or on a Ray cluster: ``limbeck tune --on``.

The search itself stays with the process that was started: it draws trials, and keeps their scores in its own file. A
process or a node gets the drawn settings, reads recipe and rows once, and sends a score back. One that is killed loses
the trial that it was at, which is evaluated again.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from typing import Any, Self

from limbeck.errors import LimbeckError
from limbeck.events import check
from limbeck.process.import_path import import_path
from limbeck.process.pipes import receive, send
from limbeck.progress import say
from limbeck.scale.outcomes import ATTEMPTS, STALL, error_from_json
from limbeck.scale.processes import count_of
from limbeck.scale.ray_tasks import address_of, cannot_run, connected, refuse_others, versions
from limbeck.training.search.evaluators import evaluating
from limbeck.training.search.trial import Request, Score, answer

_TICK = 0.5  # seconds between two looks at whether to stop
_AGAIN = "search again to go on"


@contextlib.contextmanager
def trials_on(on: str, cpus: float = 1.0) -> Iterator[None]:
    """Evaluate the trials of searches inside elsewhere.

    Parameters
    ----------
    on
        ``processes`` or ``processes:N``; ``ray`` or ``ray://HOST:PORT``.
    cpus
        Processors that a trial on Ray asks for.

    Raises
    ------
    LimbeckError
        For anything else; and where Ray is not installed, or the cluster cannot be reached.
    """
    name, _, detail = on.partition(":")
    if name == "processes":
        with Processes(count_of(detail)) as processes, evaluating(processes):
            yield
        return
    with connected(address_of(on)) as ray, evaluating(OnRay(ray, cpus)):
        yield


class Processes:
    """Evaluates trials on ``count`` processes of this machine, which live as long as the block."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self._closed = True
        for process in self._all:
            _end(process)

    def __call__(self, requests: list[Request]) -> Iterator[tuple[int, Score]]:
        """See `limbeck.training.search.evaluators.Evaluator`."""
        with ThreadPoolExecutor(min(self._count, len(requests))) as pool:
            places = {pool.submit(self._evaluate, request.dump()): at for at, request in enumerate(requests)}
            left: set[Future[Score]] = set(places)
            try:
                while left:
                    check(_AGAIN)
                    done, left = wait(left, _TICK, FIRST_COMPLETED)
                    for future in sorted(done, key=places.__getitem__):
                        yield places[future], future.result()
            except BaseException:
                self.__exit__()  # threads end with their processes, and the pool waits for them
                pool.shutdown(cancel_futures=True)
                raise

    def _evaluate(self, request: dict[str, Any]) -> Score:
        for _ in range(ATTEMPTS):
            if self._closed:
                break
            process = self._next()
            assert process.stdin is not None and process.stdout is not None
            try:
                send(process.stdin, request)
                reply = receive(process.stdout)[0]
            except (OSError, EOFError, ValueError):  # it was killed, or talks nonsense
                _end(process)
                continue
            self._idle.put(process)
            return _score(reply)
        raise LimbeckError(
            "the process of a trial was killed; perhaps memory ran out", where="--on", fix="use fewer processes"
        )

    def _next(self) -> subprocess.Popen[bytes]:
        with contextlib.suppress(Empty):
            return self._idle.get_nowait()
        process = subprocess.Popen(
            # -P: the working folder, which may hold anything, is no place to import from.
            [sys.executable, "-P", "-m", "limbeck.training.search.trial_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | import_path(),
            start_new_session=True,  # an interrupt from the keyboard is this process's to answer
        )
        self._all.append(process)
        if self._closed:  # meanwhile, and this one was not among those that were ended
            _end(process)
        return process


class OnRay:
    """Evaluates trials as tasks of a Ray cluster."""

    def __init__(self, ray: Any, cpus: float) -> None:
        self._ray, self._cpus = ray, cpus

    def __call__(self, requests: list[Request]) -> Iterator[tuple[int, Score]]:
        """See `limbeck.training.search.evaluators.Evaluator`."""
        task = self._ray.remote(num_cpus=self._cpus, max_retries=ATTEMPTS - 1)(_on_node)
        places = {task.remote(request.dump(), versions()): at for at, request in enumerate(requests)}
        left, since = list(places), time.monotonic()
        try:
            while left:
                check(_AGAIN)
                ready, left = self._ray.wait(left, num_returns=len(left), timeout=_TICK)
                for ref in ready:
                    since = time.monotonic()
                    yield places[ref], self._score(ref)
                if time.monotonic() - since > STALL:
                    since = time.monotonic()
                    free = self._ray.available_resources().get("CPU", 0.0)
                    say(f"no trial has ended for {STALL:.0f} s; the cluster has {free:g} free processors")
        finally:
            for ref in left:
                self._ray.cancel(ref, force=True)

    def _score(self, ref: Any) -> Score:
        try:
            return _score(self._ray.get(ref))
        except self._ray.exceptions.RayError as error:
            raise cannot_run(error) from error


def _on_node(request: dict[str, Any], theirs: dict[str, str]) -> dict[str, Any]:
    try:
        refuse_others(theirs)
    except LimbeckError as error:
        return {"failed": error.as_dict()}
    return answer(request)


def _score(reply: dict[str, Any]) -> Score:
    if "failed" in reply:
        raise error_from_json(reply["failed"])
    return Score.load(reply["score"])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with contextlib.suppress(OSError), process:  # closes its pipes and waits for its end
        pass
