"""Shards answered on a Ray cluster: ``--on ray`` or ``--on ray://HOST:10001``. One shard is one task.

Tasks over files need nothing of Ray Data, which keeps no order of the output and stood still in our measurements when
its actors had taken all processors. The only helper here, an actor that counts rows, takes no processor, so it can
always start. Where no row is read for a minute, a line says so; after five the job ends instead of waiting for ever.
"""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from limbeck.bundle.classifier import Classifier
from limbeck.errors import LimbeckError, first_line, needing
from limbeck.progress import say
from limbeck.scale.outcomes import ATTEMPTS, Failed, Outcomes, error_from_json, error_to_json, killed
from limbeck.scale.plan import Shard
from limbeck.scale.shard import Job, Record, answer, opened
from limbeck.version import __version__

_TICK = 0.5  # seconds between two looks at the tasks
_PATIENCE = 5  # how many times the seconds after which one line says so may pass before the job ends
_EVERY = 1.0  # seconds between two messages of a task to the counter
_AHEAD = 2  # tasks that are handed over for each that can run: few, so that the driver's memory stays flat
_MUST_AGREE = ("numpy", "onnxruntime", "polars", "tokenizers")  # packages that make the bytes of an answer


def on_ray(
    job: Job, shards: list[Shard], *, count: int | None, stall: float, address: str | None = None, cpus: float = 1.0
) -> Outcomes:
    """Answer shards on a cluster; see `limbeck.scale.outcomes.Scheduler`.

    Parameters
    ----------
    count
        Tasks at once; by default twice as many as its processors can run.
    address
        ``ray://HOST:PORT``; by default the cluster that ``RAY_ADDRESS`` names or that runs here, else one of this
        machine that ends with the job.
    cpus
        Processors that a task asks for; fractions are allowed.

    Raises
    ------
    LimbeckError
        Where Ray is not installed, the cluster cannot be reached, has other versions than this machine, or stands
        still.
    """
    with connected(address) as ray, contextlib.ExitStack() as stack:
        counter = ray.remote(num_cpus=0)(_Counter).remote()
        stack.callback(ray.kill, counter)
        bundle = ray.put({name: (Path(job.bundle) / name).read_bytes() for name in [*job.files, "bundle.json"]})
        task = ray.remote(num_cpus=cpus, max_retries=ATTEMPTS - 1)(_task)
        waiting = deque(shards)
        running: dict[Any, Shard] = {}
        stack.callback(lambda: [ray.cancel(ref, force=True) for ref in running])
        alive, warned = time.monotonic(), False
        while waiting or running:
            capacity = count or max(1, int(ray.cluster_resources().get("CPU", 1) / cpus)) * _AHEAD
            while waiting and len(running) < capacity:
                shard = waiting.popleft()
                running[task.remote(job.dump(), asdict(shard), [bundle], counter, versions())] = shard
            ready, _ = ray.wait(list(running), num_returns=1, timeout=_TICK)
            rows, heartbeats = _progress(ray, counter)
            if ready or heartbeats:
                alive, warned = time.monotonic(), False
            elif time.monotonic() - alive > _PATIENCE * stall:
                raise stalled(ray, cpus, _PATIENCE * stall)
            elif time.monotonic() - alive > stall and not warned:
                say(str(stalled(ray, cpus, stall)))  # a cluster that grows may need minutes for its first node
                warned = True
            yield rows
            for ref in ready:
                yield _outcome(ray, ref, running.pop(ref))


def _outcome(ray: Any, ref: Any, shard: Shard) -> Record | Failed:
    try:
        result = ray.get(ref)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError):
        return Failed(shard, killed(shard, "the process was killed"))
    except ray.exceptions.RayError as error:
        raise cannot_run(error) from error
    if "unfit" in result:
        raise error_from_json(result["unfit"])
    return Record(**result["record"]) if "record" in result else Failed(shard, error_from_json(result["failed"]))


def _progress(ray: Any, counter: Any) -> tuple[int, int]:
    """Return rows and heartbeats since the last call; none where the counter does not answer yet."""
    with contextlib.suppress(ray.exceptions.GetTimeoutError, ray.exceptions.RayActorError):
        rows, heartbeats = ray.get(counter.take.remote(), timeout=_TICK)
        return int(rows), int(heartbeats)
    return 0, 0


def cannot_run(error: BaseException) -> LimbeckError:
    """Return the line for a task that the cluster could not even begin."""
    what = f"the cluster cannot run Limbeck: {_last_line(error)}"
    return LimbeckError(what, where="--on ray", fix=f"install Limbeck {__version__} on every node")


def stalled(ray: Any, cpus: float, stall: float) -> LimbeckError:
    """Return the line for a cluster that answers nothing."""
    free = ray.available_resources().get("CPU", 0.0)
    what = f"no row for {stall:.0f} s; the cluster has {free:g} free processors and a task asks for {cpus:g}"
    fix = "look at `ray status`, or ask for less, e.g. --cpus 0.5; the same job goes on from there"
    return LimbeckError(what, where="--on ray", fix=fix)


def address_of(on: str) -> str | None:
    """Return the address in ``ray`` (None) or ``ray://HOST:PORT``.

    Raises
    ------
    LimbeckError
        For anything else.
    """
    if on == "ray":
        return None
    if not on.removeprefix("ray://").partition(":")[0] or not on.startswith("ray://"):
        raise LimbeckError(f"{on!r} is no cluster", where="--on", fix="e.g. ray, or ray://head.example.com:10001")
    return on


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Yield the module ray, connected; the connection ends with the block unless the caller had it before."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its vendor
    with needing("ray", "scale", "--on ray"):
        import ray
    if ray.is_initialized() and address is None:
        yield ray
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
    except (RuntimeError, ConnectionError, OSError, ValueError, TimeoutError) as error:
        text = " ".join(str(error).split())
        if "mismatch" in text.lower():
            what = f"the cluster runs another version of Ray or Python: {text[:300]}"
            fix = f"here are Ray {ray.__version__} and Python {platform.python_version()}; use the same on both"
            raise LimbeckError(what, where=address or "--on ray", fix=fix) from error
        fix = "check the address, and that RAY_AUTH_MODE and RAY_AUTH_TOKEN are those of the cluster"
        raise LimbeckError(f"cannot connect: {text[:300]}", where=address or "--on ray", fix=fix) from error
    try:
        yield ray
    finally:
        ray.shutdown()


class _Counter:
    """Counts rows and heartbeats of all tasks between two looks of the driver."""

    def __init__(self) -> None:
        self._rows = self._heartbeats = 0

    def add(self, rows: int) -> None:
        self._rows += rows
        self._heartbeats += 1

    def take(self) -> tuple[int, int]:
        taken = (self._rows, self._heartbeats)
        self._rows = self._heartbeats = 0
        return taken


def versions() -> dict[str, str]:
    """Return the versions that have to agree on all machines, so that answers have the same bytes."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"limbeck": __version__, "python": python, **{name: version(name) for name in _MUST_AGREE}}


def refuse_others(theirs: dict[str, str]) -> None:
    """Raise where this machine has other versions than the one that began the job.

    Raises
    ------
    LimbeckError
        With the first that differs.
    """
    for name, here in versions().items():
        if theirs.get(name) != here:
            what = f"the node {platform.node()} has {name} {here}, the job began with {theirs.get(name)}"
            raise LimbeckError(what, where="--on ray", fix="install the same versions on every node (constraints.txt)")


def _task(job: dict[str, Any], shard: dict[str, Any], bundle: list[Any], counter: Any, theirs: Any) -> Any:
    """Answer one shard on a node; return its record, or the line that says why not, as plain JSON.

    The reference to the bundle comes in a list, as Ray would fetch the files for each task if it came by itself.
    """
    try:
        refuse_others(theirs)
        placed, classifier = _opened(bundle[0], tuple(sorted(job["files"].items())))
    except LimbeckError as error:
        return {"unfit": error_to_json(error)}
    more, last = 0, 0.0

    def on_rows(rows: int) -> None:
        nonlocal more, last
        more += rows
        if time.monotonic() - last >= _EVERY:
            counter.add.remote(more)
            more, last = 0, time.monotonic()

    try:
        record = answer(Job(**{**job, "bundle": placed}), Shard(**shard), classifier, on_rows)
        counter.add.remote(more)
        return {"record": asdict(record)}
    except LimbeckError as error:
        return {"failed": error_to_json(error)}


@lru_cache(maxsize=1)
def _opened(bundle: Any, hashes: tuple[tuple[str, str], ...]) -> tuple[str, Classifier]:
    """Write a bundle to this node's temporary folder and open it, verified; once for all tasks of this process.

    Parameters
    ----------
    bundle
        Ray's reference to the files: name -> bytes.
    hashes
        Name and SHA-256 of each.
    """
    import ray

    folder = Path(tempfile.mkdtemp(prefix="limbeck-bundle-"))
    for name, content in ray.get(bundle).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return str(folder), opened(Job(str(folder), dict(hashes), "", "", ""))


def _last_line(error: BaseException) -> str:
    """Return what a traceback of Ray ends with."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return first_line(Exception(lines[-1] if lines else type(error).__name__), 300)
