"""Many rows answered by several processes, as encoding in threads waits for the interpreter's lock.

Of each JPEG a quarter of the work is Pillow's Python, and of a text nearly all of it is Python's, so threads of one
process never keep more than a few cores busy. Each worker process opens the bundle itself and answers runs of rows
that are sent to it; this process answers runs of its own beside them. Which kinds of rows can be sent, and how many are
worth it, the module ``sent`` of a kind says. The workers are processes of their own, started as ``python -m``: neither
forked, which is unsafe beside the threads of onnxruntime and polars, nor children of `multiprocessing`, which would run
an unguarded script of the user's again. A worker ends when the pipe to it closes, however this process ended.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np

from limbeck.bundle.engine import Probabilities
from limbeck.bundle.load import load
from limbeck.bundle.open_bundle import TOKENS
from limbeck.bundle.value_bundle import ValueBundle
from limbeck.kinds.select import Values
from limbeck.process.forks import made_anew
from limbeck.process.import_path import import_path
from limbeck.process.pipes import receive, send

Answered = tuple[Probabilities, dict[int, str]]  # and why places that got no answer did not


@dataclass(frozen=True)
class _Run:
    rows: Values
    answer: Future[Answered]


class Pending:
    """The answers to a window of rows, some of them still on their way."""

    def __init__(self, runs: list[_Run]) -> None:
        self._runs = runs

    def result(self) -> Answered:
        """Wait for every run and return the answers in order; a row that has none has an arbitrary one."""
        parts: list[Probabilities] = []
        bad: dict[int, str] = {}
        for run in self._runs:
            part, reasons = run.answer.result()
            before = sum(map(len, parts))
            parts.append(part)
            bad |= {before + at: reason for at, reason in reasons.items()}
        return np.concatenate(parts), bad


class Workers:
    """A process beside this one for each other core, if there is enough to do; all answer rows of one bundle.

    A worker that ends before its time leaves its run to the others; this process never does.

    Parameters
    ----------
    classifier
        The bundle, open here; its kind has a module ``sent``. The others open its folder, and take no part if that has
        changed since.
    most
        Processes, this one counted; by default as many as ``classifier`` has threads.
    """

    def __init__(self, classifier: ValueBundle, most: int | None = None) -> None:
        self.classifier = classifier
        self._sent = classifier.kind.load("sent")
        self.run: int = self._sent.run_of(classifier.encoder, TOKENS)
        self._most = (most or classifier.threads or 1) if sys.executable else 1
        self._waiting: SimpleQueue[_Run | None] = SimpleQueue()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._here)
        made_anew(self)

    def grow(self, count: int) -> None:
        """Have ``count`` processes answer, this one counted, or as many as there may be."""
        try:
            while len(self._processes) + 1 < min(count, self._most):
                self._processes.append(self._started())
                self._begin(partial(self._there, self._processes[-1]))
        except OSError:  # the system starts no further process: those that run have to do
            self._most = len(self._processes) + 1

    @property
    def count(self) -> int:
        """Processes that answer, this one counted."""
        return len(self._processes) + 1

    def submit(self, rows: Values) -> Pending:
        """Start answering rows of a file; ask the returned `Pending` for the answers."""
        runs = [_Run(rows[at : at + self.run], Future()) for at in range(0, len(rows), self.run)]
        for run in runs:
            self._waiting.put(run)
        return Pending(runs)

    def close(self) -> None:
        """End all workers; runs that nobody has begun are dropped."""
        for process in self._processes:
            process.kill()
        with contextlib.suppress(Exception):
            while self._waiting.get_nowait():
                pass
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            with process:  # closes its pipes and waits for its end
                pass

    def after_fork(self) -> None:
        """Let go of the pipes in a process forked from this one: a worker ends when the last end of its pipe closes."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for process in self._processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None and not pipe.closed:
                    os.dup2(nothing, pipe.fileno(), inheritable=False)
        os.close(nothing)

    def _begin(self, work: Callable[[], None]) -> None:
        own = partial(copy_context().run, work)
        self._threads.append(threading.Thread(target=own, name="limbeck-worker", daemon=True))
        self._threads[-1].start()

    def _started(self) -> subprocess.Popen[bytes]:
        bundle = self.classifier.path.resolve()
        return subprocess.Popen(  # noqa: S603 - our own module, by its name
            # -P: the working folder, which may hold anything, is no place to import from.
            [sys.executable, "-P", "-m", "limbeck.bundle.prediction.row_workers", str(bundle), self.classifier.model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | import_path(),
            start_new_session=True,  # an interrupt from the keyboard is this process's to answer
        )

    def _here(self) -> None:
        while (run := self._waiting.get()) is not None:
            try:
                run.answer.set_result(_answers(self.classifier, self._sent, run.rows))
            except Exception as error:  # whoever waits for the answer gets it
                run.answer.set_exception(error)

    def _there(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(Exception):  # one that never got ready takes no run
            if receive(process.stdout)[0] != _about(self.classifier):
                return
            while (run := self._waiting.get()) is not None:
                try:
                    send(process.stdin, {"rows": self._sent.sent(run.rows)})
                    head, made = receive(process.stdout)
                    answers = made["answers"].reshape(len(run.rows), len(self.classifier.classes))
                    run.answer.set_result((answers, {int(at): str(reason) for at, reason in head["bad"].items()}))
                except Exception:  # the process is gone, or talks nonsense: somebody else answers
                    self._waiting.put(run)
                    return


def _answers(classifier: ValueBundle, kind: Any, values: Values) -> Answered:
    rows, bad = kind.encoded(classifier.encoder, values)
    return classifier.submit(rows).result(), {at: str(error) for at, error in bad.items()}


def _about(classifier: ValueBundle) -> dict[str, dict[str, str]]:
    return {"files": classifier.manifest.files}


def serve(bundle: str, model: str) -> None:
    """Answer lists of rows from standard input until it ends: why some got no answer, and float32 [N, C]."""
    given, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing that prints may stand between the answers
    with load(bundle, threads=1, model=model) as classifier:
        send(out, _about(classifier))
        kind = classifier.kind.load("sent")
        while True:
            answers, bad = _answers(classifier, kind, kind.received(receive(given)[0]["rows"]))
            send(out, {"bad": bad}, {"answers": answers})


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, EOFError):
        serve(*sys.argv[1:])
