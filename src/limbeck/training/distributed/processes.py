"""The process group of several processes that train one student, started by torchrun, over `torch.distributed`.

Rank 0, the main process, alone logs, writes, asks teachers, evaluates and exports; what the other ranks need of that is
broadcast. The processes have two minutes to find each other. After that collective calls have no timeout, as teachers
and exports take as long as they take: a process that dies is noticed by its closed connection, and by torchrun, one
that is cut off by its missing heartbeat. How a batch is shared is in `limbeck.training.distributed.shared_batch`.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from limbeck.errors import LimbeckError
from limbeck.events import Cancelled
from limbeck.process.cores import cores, place
from limbeck.progress import hushed
from limbeck.recipe import Recipe
from limbeck.training.distributed.heartbeat import LOST_AFTER, heartbeat

_PATIENCE = datetime.timedelta(days=30)
_MEETING = float(os.environ.get("LIMBECK_JOIN_SECONDS", "120"))  # in which all processes have to be there
_SCHEDULED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_joined = 0  # how often this process has joined others: each time has names of its own in the store


@dataclass(frozen=True)
class ProcessGroup:
    """Rank and size of the process group of a run; the default is one process without a group."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which logs and writes."""
        return self.rank == 0

    def broadcast(self, content: bytes) -> bytes:
        """Return the content that rank 0 passes; what other ranks pass is ignored."""
        if self.size == 1:
            return content
        length = torch.tensor([len(content)])
        dist.broadcast(length, 0)
        if not int(length):
            return b""
        memory = bytearray(content) if self.is_main else bytearray(int(length))
        dist.broadcast(torch.frombuffer(memory, dtype=torch.uint8), 0)
        return bytes(memory)

    def broadcast_json(self, value: Any) -> Any:
        """Return the ``value`` that rank 0 passes, which JSON can hold."""
        if self.size == 1:
            return value
        return json.loads(self.broadcast(json.dumps(value).encode() if self.is_main else b""))

    def broadcast_tensors(self, tensors: Iterator[Tensor]) -> None:
        """Overwrite the tensors with rank 0's."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in one of the processes; all of them ask, and get the same answer."""
        return bool(self.all_reduce(torch.tensor([float(flag)]))[0] > 0) if self.size > 1 else flag

    def all_gather(self, tensor: Tensor) -> Tensor:
        """Return the tensors of all processes, [size, …]."""
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        dist.all_gather(parts, tensor)
        return torch.stack(parts)

    def require_equal(self, mark: str, what: str) -> None:
        """Raise in a rank whose ``mark`` is not that of rank 0."""
        if self.broadcast_json(mark) != mark:
            fix = "give every process the same recipe and the same files"
            raise LimbeckError(f"process {self.rank} has other {what} than process 0", where="torchrun", fix=fix)


_current = ProcessGroup()


def current_process_group() -> ProcessGroup:
    """Return the process group that this process has `joined`; one of size 1 if none."""
    return _current


def restarted() -> bool:
    """Return whether torchrun has started these processes again, after one of them died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


@contextlib.contextmanager
def by_itself() -> Iterator[None]:
    """Hide from accelerate what a scheduler says of other processes, where this one has joined none."""
    names = _SCHEDULED if _current.size == 1 else ()
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def own_cores() -> int:
    """Return the number of cores for each process of this machine."""
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if _current.size > 1 else 1
    return max(1, cores() // beside)


@contextlib.contextmanager
def joined() -> Iterator[ProcessGroup]:
    """Join the process group that torchrun started; nothing happens without it.

    Of an error the process that meets it first tells, in one line; the others leave in silence, with its exit status.

    Raises
    ------
    LimbeckError
        When not all processes are there in two minutes, or another process is lost.
    """
    global _current, _joined
    rank, size = place()
    if size == 1 or _current.size > 1:
        yield _current
        return
    _joined += 1
    store = _met(rank, size)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    _current = ProcessGroup(rank, size)
    try:
        with heartbeat(store.clone(), rank, size, _cut_off), hushed(rank > 0):
            yield _current
            _current.broadcast(b"")  # nobody leaves before rank 0 is done
    except BaseException as error:
        if store.add("failed", 1) > 1:
            raise SystemExit(int(store.get("status"))) from error
        store.set("status", str(_status(error)))
        if _lost(error):
            raise _gone("another process of this run is lost") from error
        raise
    else:
        dist.destroy_process_group()  # not after an error: it would wait for processes that are gone
    finally:
        _current = ProcessGroup()


def _gone(what: str) -> LimbeckError:
    fix = "start it again with --resume; `torchrun --max-restarts 3` does so by itself"
    return LimbeckError(what, where="torchrun", fix=fix)


def _cut_off() -> None:
    """Say that a process is cut off, and end this one, whose main thread waits for it."""
    error = _gone(f"another process of this run was not heard of for {LOST_AFTER:.0f} seconds")
    with contextlib.suppress(OSError):
        sys.stderr.write(f"\nerror: {error}\n")
        sys.stderr.flush()
    os._exit(2)


def _met(rank: int, size: int) -> dist.Store:
    """Return the store that torchrun keeps, or that rank 0 keeps where it keeps none, once all processes are there."""
    kept = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    host, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    patience = datetime.timedelta(seconds=_MEETING)
    try:
        kept_at = dist.TCPStore(host, int(port), is_master=rank == 0 and not kept, timeout=patience)
        store = dist.PrefixStore(f"limbeck/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{_joined}", kept_at)
        if store.add("there", 1) == size:
            store.set("met", "1")
        store.wait(["met"], patience)
    except (RuntimeError, ValueError) as error:  # of a store the timeout, and an address that nobody listens at
        what = f"process {rank} of {size} did not find the others at {host}:{port} in {_MEETING:.0f} seconds"
        fix = "start them together, e.g. by torchrun; for one process alone unset LIMBECK_JOIN and TORCHELASTIC_RUN_ID"
        raise LimbeckError(what, where="torchrun", fix=fix) from error
    return store


def _status(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, Cancelled):
        return 130
    return 2 if isinstance(error, LimbeckError) or _lost(error) else 130 if isinstance(error, KeyboardInterrupt) else 1


def _lost(error: BaseException) -> bool:
    words = ("gloo", "nccl", "connection")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def refuse_unshared(recipe: Recipe) -> None:
    """Refuse what several processes cannot share.

    Raises
    ------
    LimbeckError
        For whole-data steps, candidates to compare, Apple's devices, and fewer GPUs than processes.
    """
    if _current.size == 1:
        return
    settings = recipe.training
    if settings.optimizer == "lbfgs":
        what = "training.optimizer = 'lbfgs' runs in one process"
        raise LimbeckError(what, where="recipe", fix="start it without torchrun, or set training.optimizer = 'adamw'")
    if recipe.selection.candidates:
        what = "selection.candidates are compared in one process"
        raise LimbeckError(what, where="recipe", fix="start it without torchrun, or leave them out")
    if recipe.export.prune:
        what = "a network is pruned by one process"
        raise LimbeckError(what, where="recipe", fix="start it without torchrun, or leave export.prune out")
    if recipe.export.limited:
        what = "the limits of size and speed are held by one process"
        fix = "start it without torchrun, or leave export.max_size and export.min_rows_per_second out"
        raise LimbeckError(what, where="recipe", fix=fix)
    if settings.device == "mps":
        raise LimbeckError(
            "several processes cannot share an mps device", where="recipe", fix="set training.device = 'cpu'"
        )
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    there = torch.cuda.device_count()
    if settings.device != "cpu" and 0 < there < beside:
        what = f"{beside} processes here and {there} GPU{'s' * (there > 1)}"
        fix = f"start torchrun with --nproc-per-node {there}, or set training.device = 'cpu'"
        raise LimbeckError(what, where="torchrun", fix=fix)
