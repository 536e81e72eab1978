"""One shard answered: by the code of one machine, and noted only once its files stand.

The note of a shard is written last. A kill before it costs the shard once more, and gives the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.prediction.predict import predict
from limbeck.data.tables.read import REJECTED
from limbeck.errors import LimbeckError
from limbeck.events import Event
from limbeck.files import out_of_reach
from limbeck.locks import InUseError
from limbeck.scale.places import Place, open_place
from limbeck.scale.plan import RECORDS, Plan, Shard, write_bytes

_BLOCK = 2**20
_GONE = 60.0  # seconds for the worker of a killed job to notice and let go of its shard
_STEP = 0.1
OnRows = Callable[[int], None]  # called with how many more rows were read; with 0 while bytes move


@dataclass(frozen=True)
class Job:
    """What a worker must know: where the bundle is, where shards are read and written, and what was asked."""

    bundle: str
    files: dict[str, str]  # file -> sha256 of the bundle that the job began with
    source: str
    output: str
    plan: str
    columns: list[str] | None = None
    sets: float | None = None
    encoding: str | None = None
    rename: dict[str, str] = field(default_factory=dict)

    def dump(self) -> dict[str, Any]:
        """Return the job as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Record:
    """An answered shard: rows and rejected rows, and bytes and SHA-256 of what was written."""

    input: str
    output: str
    rows: int
    rejected: int
    size: int
    sha256: str
    rejects_size: int | None
    rejects_sha256: str | None
    plan: str = field(default="", compare=False)

    def dump(self) -> bytes:
        """Return the record as JSON with the id of its plan."""
        return (json.dumps(asdict(self), ensure_ascii=True) + "\n").encode("ascii")

    @classmethod
    def parse(cls, stored: bytes) -> Record | None:
        """Return a stored record; None where it is damaged."""
        try:
            found = json.loads(stored)
            record = cls(**found)
            kinds = {"rows": int, "rejected": int, "size": int, "sha256": str, "output": str, "plan": str}
            return record if all(isinstance(getattr(record, name), kind) for name, kind in kinds.items()) else None
        except (ValueError, TypeError, RecursionError):
            return None


def opened(job: Job) -> Classifier:
    """Open the bundle of a job on one thread.

    Raises
    ------
    LimbeckError
        Where it is no longer the bundle that the job began with.
    """
    classifier = Classifier(job.bundle, threads=1)
    if dict(classifier.manifest.files) != job.files:
        classifier.close()
        fix = "run again; a folder never mixes answers of two bundles"
        raise LimbeckError("the bundle changed while the job ran", where=job.bundle, fix=fix)
    return classifier


def answer(job: Job, shard: Shard, classifier: Classifier, on_rows: OnRows) -> Record:
    """Answer one shard and note that it is done.

    Raises
    ------
    LimbeckError
        Where it cannot be read or its answers cannot be written.
    """
    source, output = open_place(job.source), open_place(job.output)
    with tempfile.TemporaryDirectory(prefix="limbeck-shard-") as folder:
        heartbeat = partial(on_rows, 0)
        given = source.fetch(shard.input, Path(folder, "in", Path(shard.input).name), heartbeat)
        if given.exists() and given.stat().st_size != shard.size:
            fix = "start the job again once nothing writes to the input"
            raise LimbeckError("changed since the job began", where=f"{source.shown}/{shard.input}", fix=fix)
        # A local folder is written to directly, so that a shard that was cut off goes on from its journal there.
        made = Path(folder, "out", Path(shard.output).name) if output.local is None else output.local / shard.output
        done = _predicted(job, given, made, classifier, on_rows)
        rejects = None if done.rejects is None else _facts(done.rejects)
        size, digest = _facts(made)
        if output.local is None:
            output.put(made, shard.output, heartbeat)
            if done.rejects is not None:
                output.put(done.rejects, shard.rejects, heartbeat)
            else:
                output.remove(shard.rejects)
    beside, beside_digest = rejects or (None, None)
    record = Record(
        shard.input, shard.output, done.rows, done.rejected, size, digest, beside, beside_digest, job.plan
    )  # fmt: skip
    write_bytes(output, shard.record, record.dump())
    return record


def _predicted(job: Job, given: Path, made: Path, classifier: Classifier, on_rows: OnRows) -> Any:
    """Call `limbeck.predict`; wait for the worker of a killed job that has not yet noticed it."""
    until, before = time.monotonic() + _GONE, 0

    def listen(event: Event) -> None:
        nonlocal before
        on_rows(max(event.done - before, 0))
        before = event.done

    while True:
        try:
            return predict(
                classifier, given, made, columns=job.columns, sets=job.sets, encoding=job.encoding, rename=job.rename,
                progress=listen,
            )  # fmt: skip
        except InUseError:
            if time.monotonic() > until:
                raise
            on_rows(0)
            time.sleep(_STEP)


def _facts(file: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as opened_file:
            while block := opened_file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise out_of_reach(error, file) from error
    return size, digest.hexdigest()


def records(place: Place, plan: Plan) -> dict[str, Record]:
    """Return output -> record of the shards that are answered: noted under this plan, and their files still there."""
    notes = {entry.name for entry in place.entries(RECORDS, deep=True)}
    if not notes:
        return {}
    sizes = {entry.name: entry.size for entry in place.entries(deep=True)}
    noted = [shard for shard in plan.shards if shard.record in notes]
    return {record.output: record for record in _read(place, noted) if _stands(record, plan, sizes)}


def _read(place: Place, shards: list[Shard]) -> Iterator[Record]:
    """Yield the notes of some shards; many are asked for at once, as each takes a round trip to object storage."""
    from concurrent.futures import ThreadPoolExecutor

    with contextlib.ExitStack() as stack:
        found: Iterator[bytes | None] = map(place.read, [shard.record for shard in shards])
        if place.local is None:
            pool = stack.enter_context(ThreadPoolExecutor(16, thread_name_prefix="limbeck-records"))
            found = pool.map(place.read, [shard.record for shard in shards])
        for shard, stored in zip(shards, found, strict=True):
            record = None if stored is None else Record.parse(stored)
            if record is not None and (record.input, record.output) == (shard.input, shard.output):
                yield record


def _stands(record: Record, plan: Plan, sizes: dict[str, int]) -> bool:
    rejects = record.output + REJECTED
    return (
        record.plan == plan.id and sizes.get(record.output) == record.size and sizes.get(rejects) == record.rejects_size
    )
