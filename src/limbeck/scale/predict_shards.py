"""`limbeck predict --on`: a folder of shards answered by many processes or machines, resumable, with a manifest.

Exactly-once comes from the names, whatever schedules the work: one shard is one output, written beside and renamed,
and noted when it stands. A job that is started again answers what is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.load import own_verb
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.events import Listener, Token, check, stage, told
from limbeck.locks import sole_writer
from limbeck.model_names import model_path
from limbeck.progress import progress as counting
from limbeck.progress import say
from limbeck.scale.here import on_this_process
from limbeck.scale.outcomes import STALL, Failed, Scheduler
from limbeck.scale.places import Place, open_place, split_pattern
from limbeck.scale.plan import MANIFEST, Answering, Plan, Shard, agree, find_shards, write_bytes
from limbeck.scale.processes import count_of, on_processes
from limbeck.scale.shard import Job, Record, records

_AGAIN = "start the same job again; it goes on from there"
_SCHEDULERS = ("processes", "part", "ray")


@dataclass(frozen=True)
class JobDone:
    """What a job did.

    Attributes
    ----------
    output, manifest
        Where answers and manifest are, without credentials; ``manifest`` is None while parts of the job are left.
    shards, resumed
        Shards of the input, and those that an earlier run had answered.
    rows, rejected
        Rows of all answered shards that have an answer, and that have none.
    failed
        Shards without answers, with the reasons.
    """

    output: str
    manifest: str | None
    shards: int
    resumed: int
    rows: int
    rejected: int
    seconds: float
    answered_now: int
    failed: tuple[Failed, ...] = ()


class ShardsFailedError(LimbeckError):
    """Some shards could not be answered; the others were."""

    code = "shards-failed"

    def __init__(self, done: JobDone) -> None:
        self.done = done
        what = f"{len(done.failed):,} of {done.shards:,} shards have no answers, the first: {done.failed[0].error}"
        super().__init__(what, where=done.output, fix="fix them and start the job again; it answers what is left")


def predict_shards(
    bundle: str | Path,
    source: str | Path,
    output: str | Path,
    *,
    on: str = "processes",
    columns: Sequence[str] | None = None,
    sets: float | None = None,
    encoding: str | None = None,
    rename: Mapping[str, str] | None = None,
    ending: str = ".parquet",
    cpus: float = 1.0,
    stall: float = STALL,
    progress: Listener | None = None,
    cancel: Token | None = None,
) -> JobDone:
    """Answer the tables of a folder, or those that match a pattern, each in a file of its own.

    Parameters
    ----------
    source
        A folder, or a pattern: ``in/*.parquet``, ``s3://bucket/in/**/*.csv``.
    output
        A folder, here or in object storage. Each table has its answers in a file of its name there, and in
        ``FILE.rejected.csv`` its rows without an answer; ``_limbeck/manifest.json`` lists them at the end.
    on
        ``processes`` or ``processes:N``; ``part:K/N``, every N-th shard from the K-th on (from 0), for jobs with an
        index; ``ray`` or ``ray://HOST:PORT``.
    columns, sets, encoding, rename
        As for `limbeck.predict`.
    ending
        Format of the answers: ``.parquet``, ``.csv``, ``.tsv`` or ``.jsonl``.
    cpus
        Processors that a task on Ray asks for; fractions are allowed.
    stall
        Seconds without a row after which a worker is given up.

    Raises
    ------
    ShardsFailedError
        When shards cannot be read; the others are answered.
    Cancelled
        When ``cancel`` stopped it.
    LimbeckError
        For a bundle, input or output that cannot be used, a folder of another job, one that is in use.
    """
    started = time.monotonic()
    chosen = _chosen(on, cpus)
    folder, pattern = split_pattern(os.fspath(source))
    read, written = open_place(folder), open_place(output)
    with told(progress, cancel), stage("predict"), contextlib.ExitStack() as stack:
        job_bundle, answering, files = _answering(
            bundle, columns, sets, encoding, rename or {}, remote=read.local is None
        )
        plan = Plan(find_shards(read, pattern, ending), answering)
        stack.enter_context(_locked(written, chosen.lock))
        agree(written, plan)
        before = records(written, plan)
        mine = [shard for at, shard in enumerate(plan.shards) if at % chosen.of == chosen.part]
        left = [shard for shard in mine if shard.output not in before]
        if before:
            say(f"resumed: {len(before):,} of {len(plan.shards):,} shards are answered")
        job = Job(
            job_bundle, files, read.address, written.address, plan.id,
            None if columns is None else list(columns), sets, encoding, dict(rename or {}),
        )  # fmt: skip
        made, failed = _run(chosen, job, left, stall)
        found = {**before, **made}
        if chosen.of > 1 and len(found) < len(plan.shards):  # other parts may have ended meanwhile
            found = {**records(written, plan), **found}
        if chosen.elsewhere and (lost := set(made) - set(records(written, plan))):
            what = f"the answers to {len(lost):,} shards are not here, e.g. {min(lost)}"
            raise LimbeckError(
                what, where=written.shown, fix="name a folder that all machines share, or object storage"
            )
        whole = len(found) == len(plan.shards)
        if whole:
            write_bytes(written, MANIFEST, manifest(plan, found).encode("ascii"))
    done = JobDone(
        written.shown, f"{written.shown}/{MANIFEST}" if whole else None, len(plan.shards), len(before),
        sum(record.rows for record in found.values()), sum(record.rejected for record in found.values()),
        time.monotonic() - started, sum(record.rows for record in made.values()), tuple(failed),
    )  # fmt: skip
    if failed:
        raise ShardsFailedError(done)
    return done


def manifest(plan: Plan, found: dict[str, Record]) -> str:
    """Return the manifest of a finished job as JSON: the same for the same input and bundle, wherever it ran."""
    listed = []
    for shard in plan.shards:
        facts = asdict(found[shard.output])
        del facts["plan"]
        listed.append(facts)
    facts = asdict(plan.answering)
    total = {name: sum(record[name] for record in listed) for name in ("rows", "rejected")}
    content = {"format": 1, **facts, **total, "shards": listed}
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    content["sha256"] = hashlib.sha256(text.encode("ascii")).hexdigest()  # of all of the above
    return json.dumps(content, ensure_ascii=True, indent=1) + "\n"


def _run(
    chosen: _Chosen, job: Job, left: list[Shard], stall: float
) -> tuple[dict[str, Record], list[Failed]]:  # fmt: skip
    made: dict[str, Record] = {}
    failed: list[Failed] = []
    if not left:
        return made, failed
    outcomes = chosen.scheduler(job, left, count=chosen.count, stall=stall)
    with contextlib.closing(outcomes), counting("rows", None) as tick:
        for outcome in outcomes:
            if isinstance(outcome, int):
                tick(outcome)
            elif isinstance(outcome, Failed):
                failed.append(outcome)
                say(str(outcome.error))
            else:
                made[outcome.output] = outcome
            check(_AGAIN)
    return made, failed


@dataclass(frozen=True)
class _Chosen:
    """Who answers the shards: the scheduler, its processes, and which shards are this run's."""

    scheduler: Scheduler
    count: int | None = None
    part: int = 0
    of: int = 1
    elsewhere: bool = False  # on machines that may not see this one's folders

    @property
    def lock(self) -> str:
        """Name of the lock among the runs of one job: parts run beside each other."""
        return "" if self.of == 1 else f"part-{self.part}-of-{self.of}"


def _chosen(on: str, cpus: float = 1.0) -> _Chosen:
    """Return what ``--on`` says.

    Raises
    ------
    LimbeckError
        For anything else.
    """
    name, _, detail = on.partition(":")
    if name == "processes":
        count = count_of(detail)
        return _Chosen(on_processes if count > 1 else on_this_process, count)
    if name == "part":
        part, _, of = detail.partition("/")
        if not (part.isascii() and part.isdigit() and of.isascii() and of.isdigit() and int(part) < int(of)):
            raise LimbeckError(f"{detail!r} is not a part", where="--on", fix="e.g. part:0/64 for the first of 64")
        return _Chosen(on_this_process, 1, int(part), int(of))
    if name == "ray":
        from limbeck.scale.ray_tasks import address_of, on_ray

        return _Chosen(partial(on_ray, address=address_of(on), cpus=cpus), elsewhere=True)
    raise LimbeckError(f"there is no {name!r} to run on", where="--on", fix=did_you_mean(name, _SCHEDULERS))


def _answering(
    bundle: str | Path,
    columns: Sequence[str] | None,
    sets: float | None,
    encoding: str | None,
    rename: Mapping[str, str],
    *,
    remote: bool,
) -> tuple[str, Answering, dict[str, str]]:
    """Return the bundle's folder, what makes the answers, and the hashes of the bundle's files.

    Raises
    ------
    LimbeckError
        For a bundle that finds boxes, or one whose rows name files that a shard in object storage does not bring.
    """
    if own_verb(bundle, "predict") is not None:
        fix = "start limbeck predict for each folder of pictures"
        raise LimbeckError("shards are answered by bundles of classifiers", where=bundle, fix=fix)
    with Classifier(bundle, threads=1) as classifier:
        if sets is not None:
            classifier.set_thresholds(sets)  # raises where there are none
        if remote and classifier.kind.by_name:
            fix = "mount the storage and name the folder, so that the paths in the tables lead to files"
            raise LimbeckError("rows of this bundle name files beside their table", where=bundle, fix=fix)
        files = dict(classifier.manifest.files)
        text = json.dumps(sorted(files.items()))
        answering = Answering(
            classifier.version, hashlib.sha256(text.encode("ascii", "backslashreplace")).hexdigest(),
            None if columns is None else tuple(columns), sets, encoding, dict(rename),
        )  # fmt: skip
        return str(model_path(bundle).resolve()), answering, files


@contextlib.contextmanager
def _locked(place: Place, lock: str) -> Iterator[None]:
    """Hold the lock on an output folder, or that of one part of its job."""
    if place.local is None:
        from limbeck.scale.lease import leased

        with leased(place, lock):
            yield
        return
    target = place.local / "_limbeck" / lock if lock else place.local
    with sole_writer(target):
        yield
