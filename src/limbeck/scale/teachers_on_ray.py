"""Teachers asked on a Ray cluster, block by block: ``limbeck train --on ray``.

The cache of answers stays with the process that trains: it asks a teacher for several blocks at once, keeps them, and
asks for no row twice. Each block is asked as one machine would ask it, the same rows in the same order, so training
sees the same numbers. A kill loses the blocks that were on their way.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.errors import LimbeckError
from limbeck.events import check
from limbeck.progress import say
from limbeck.recipe import Task
from limbeck.recipe import Teacher as Spec
from limbeck.scale.outcomes import ATTEMPTS, STALL, error_from_json, error_to_json
from limbeck.scale.ray_tasks import cannot_run, connected, refuse_others, stalled, versions
from limbeck.teachers import open_teacher
from limbeck.teachers.base import AnswerError, Answers, Place, Teacher
from limbeck.teachers.spread import spreading

SPREAD = ("bundle", "onnx", "huggingface", "sklearn", "http")  # columns and rules cost less than their way to a node
_TICK = 0.5


@contextlib.contextmanager
def teachers_on_ray(address: str | None = None, cpus: float = 1.0, stall: float = STALL) -> Iterator[None]:
    """Have teachers that are opened inside the block asked on a cluster.

    Parameters
    ----------
    address, cpus
        As for `limbeck.scale.ray_tasks.on_ray`.
    stall
        Seconds without an answered block after which a line says how many processors are free.

    Raises
    ------
    LimbeckError
        Where Ray is not installed, or the cluster cannot be reached or has other versions than this machine.
    """
    with connected(address) as ray:
        many = max(2, 2 * int(ray.cluster_resources().get("CPU", 1) / cpus))

        def by(place: Place, teacher: Teacher) -> Teacher:
            kind = place.spec.source.partition(":")[0]
            return OnRay(ray, place, teacher, many, cpus, stall) if kind.removesuffix("s") in SPREAD else teacher

        with spreading(by):
            yield


class OnRay:
    """A teacher whose blocks are asked on a cluster; everything else of it is as it was."""

    def __init__(self, ray: Any, place: Place, teacher: Teacher, many: int, cpus: float, stall: float) -> None:
        self._ray, self._teacher, self._cpus, self._stall = ray, teacher, cpus, stall
        self.name, self.fingerprint, self.classes = teacher.name, teacher.fingerprint, teacher.classes
        self.columns, self._block = teacher.columns, teacher.block
        self.block = teacher.block * many
        folders = [None if folder is None else str(folder.absolute()) for folder in (*place.folders, Path())]
        self._how = (place.spec.model_dump_json(), place.classes, place.task.model_dump_json(), tuple(folders))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._teacher, name)

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; see `limbeck.teachers.base.Teacher`.

        Raises
        ------
        AnswerError
            With the answers to the blocks before the one that failed.
        """
        ray = self._ray
        task = ray.remote(num_cpus=self._cpus, max_retries=ATTEMPTS - 1)(_ask)
        parts = [rows[start : start + self._block] for start in range(0, rows.height, self._block)]
        asked = [task.remote(self._how, self.fingerprint, versions(), _packed(part)) for part in parts]
        try:
            self._wait(asked)
            found = [self._found(ref) for ref in asked]
        finally:
            for ref in asked:
                ray.cancel(ref, force=True)
        out: list[Answers] = []
        for at, one in enumerate(found):
            if "failed" in one:
                raise self._failed(one["failed"], out, at * self._block, rows.height)
            out.append(one["answers"])
        return np.concatenate(out)

    def _wait(self, asked: list[Any]) -> None:
        left, since, warned = asked, time.monotonic(), False
        while left:
            ready, left = self._ray.wait(left, num_returns=len(left), timeout=_TICK)
            check("what the teachers have answered is kept")
            if ready:
                since, warned = time.monotonic(), False
            elif time.monotonic() - since > self._stall and not warned:
                say(str(stalled(self._ray, self._cpus, self._stall)))
                warned = True

    def _found(self, ref: Any) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            raise cannot_run(error) from error
        return found

    def _failed(self, facts: dict[str, Any], before: list[Answers], start: int, rows: int) -> LimbeckError:
        """Return the error of a block as one of all rows, with the answers that there are."""
        if "fault" not in facts:
            return error_from_json(facts)
        answers = np.full((rows, len(self.classes)), np.nan, dtype=np.float32)
        done = np.zeros(rows, dtype=bool)
        for at, one in enumerate(before):
            here = slice(at * self._block, at * self._block + len(one))
            answers[here], done[here] = one, True
        if facts["done"] is not None:
            here = slice(start, start + len(facts["done"]))
            answers[here], done[here] = facts["answers"], facts["done"]
        row = None if facts["row"] is None else start + facts["row"]
        return AnswerError(facts["fault"], teacher=self.name, row=row, fix=facts["fix"], answers=answers, done=done)


def _packed(rows: pl.DataFrame) -> bytes:
    return rows.write_ipc(None).getvalue()


def _ask(how: tuple[Any, ...], fingerprint: str, theirs: dict[str, str], rows: bytes) -> dict[str, Any]:
    """Answer one block on a node; return the answers, or why there are none."""
    try:
        refuse_others(theirs)
        teacher = _opened(how)
        if teacher.fingerprint != fingerprint:
            fix = "put it into a folder that all machines share"
            raise LimbeckError("this node has another version of it", where=f"teacher {teacher.name!r}", fix=fix)
        return {"answers": np.asarray(teacher.answer(pl.read_ipc(rows)), dtype=np.float32)}
    except AnswerError as error:
        facts = {"fault": str(error.fault), "row": error.row, "fix": error.fix}
        return {"failed": {**facts, "answers": error.answers, "done": error.done}}
    except LimbeckError as error:
        return {"failed": error_to_json(error)}


@lru_cache(maxsize=8)
def _opened(how: tuple[Any, ...]) -> Teacher:
    spec, classes, task, folders = how
    paths = [None if folder is None else Path(folder) for folder in folders]
    return open_teacher(
        Spec.model_validate_json(spec), tuple(classes), task=Task.model_validate_json(task), folders=paths
    )
