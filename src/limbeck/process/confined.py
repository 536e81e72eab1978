"""Run a module of ours in a child process that is held to limits before it touches data nobody vouches for.

What parses or runs such data (a sheet, a model) may crash, never end, or take all memory. In a child process each of
these becomes one line. Before the child reads the first request it imports its module and then limits itself: memory
beyond what it has by then, processor time, files, core dumps. The parent keeps the wall clock. The child starts as
``python -P -m limbeck.process.confined``, as forking is unsafe beside the threads of onnxruntime and polars; it
inherits no descriptor, runs in the root folder, sees a small environment, and has no home folder.

A platform that lacks a limit (Windows has none, macOS enforces none on memory) goes without it.

Such a module has a function ``answer(head, arrays) -> (head, arrays)`` of plain JSON and arrays of numbers
(`limbeck.process.pipes`). It raises `LimbeckError` for what is wrong with the data; anything else becomes one.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import IO, Any

from numpy.typing import NDArray

from limbeck.errors import LimbeckError, first_line
from limbeck.process.cores import cores
from limbeck.process.import_path import import_path
from limbeck.process.pipes import Arrays, Head, receive, send

try:
    import resource as _resource
except ImportError:  # Windows
    resource: Any = None
else:
    resource = _resource

_STARTS = 600.0  # seconds in which a child has to be ready: it imports trusted code, on a machine that may be busy
_ADDRESSES = 2**30  # bytes of addresses beyond the memory: thread stacks and arenas that are reserved, not used
_KEPT = (
    "PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "OMP_NUM_THREADS",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What a child may take.

    Attributes
    ----------
    memory
        Bytes beyond those that its libraries take.
    seconds
        Wall clock for one answer. Processor time is limited to as much on every core.
    files
        Whether it may open files; without, it can open nothing at all once it has begun, sockets included.
    written
        Bytes that a file may have that it writes.
    answer
        Bytes of the arrays of one answer.
    """

    memory: int = 2 * 2**30
    seconds: float = 60.0
    files: bool = False
    written: int = 0
    answer: int = 2**30


class Confined:
    """A child process of one module that answers requests one after the other, from any thread.

    Parameters
    ----------
    module
        Its name, ``limbeck.…``.
    where
        The file in question, for errors.
    doing
        What is done with it, for errors: ``"reading it"``.

    Raises
    ------
    LimbeckError
        When the child cannot be started.
    """

    def __init__(
        self, module: str, limits: Limits | None = None, *, where: object = None, doing: str = "reading it"
    ) -> None:
        self.limits, self.where, self.doing = limits or Limits(), where, doing
        self._lock, self._late = threading.Lock(), False
        self._end: LimbeckError | None = None
        self._parent = os.getpid()
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= import_path()
        # Without a name for it, Python asks the machine's user database where home is; nothing can be made in this one.
        environment |= {"HOME": os.devnull, "ORT_DISABLE_TELEMETRY": "1", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2"}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by its name
                # -P: the working folder, which may hold anything, is no place to import from.
                [sys.executable, "-P", "-m", "limbeck.process.confined", module, json.dumps(asdict(self.limits))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=os.path.abspath(os.sep),  # noqa: PTH100
                env=environment,
                start_new_session=True,  # an interrupt from the keyboard is the parent's to answer
            )
        except OSError as error:
            raise LimbeckError(f"no process can be started ({error.strerror})", where=where) from error
        try:
            self._exchange(None, None, _STARTS)
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether it can be asked: not once it broke a limit."""
        return self._process.poll() is None

    def ask(
        self, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None, *, seconds: float | None = None
    ) -> tuple[Head, Arrays]:
        """Send a request and return the answer.

        Parameters
        ----------
        head
            Plain JSON; paths absolute, as the child runs elsewhere.
        seconds
            Wall clock for this answer; by default that of the limits.

        Raises
        ------
        LimbeckError
            What the module raised, or that it took too long, too much memory, or crashed.
        """
        with self._lock:
            return self._exchange(head, arrays, self.limits.seconds if seconds is None else seconds)

    def _exchange(
        self, head: Mapping[str, Any] | None, arrays: Mapping[str, NDArray[Any]] | None, seconds: float
    ) -> tuple[Head, Arrays]:
        assert self._process.stdin is not None and self._process.stdout is not None
        if os.getpid() != self._parent:
            what = f"{self.doing} is done by a process that another one began, from which this one was forked"
            raise LimbeckError(what, where=self.where, fix="open it after the fork")
        if self._end is not None:
            raise self._end
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            if head is not None:
                send(self._process.stdin, {"seconds": seconds, "asked": dict(head)}, arrays)
            said, found = receive(self._process.stdout, self.limits.answer)
        except (OSError, ValueError, EOFError) as error:
            self._process.kill()
            self._end = self._death(seconds, error)
            raise self._end from error
        except BaseException:  # an interrupt between request and answer: the next answer would be to this one
            self._process.kill()
            raise
        finally:
            timer.cancel()
        if (fault := said.get("fault")) is not None:
            raise self._fault(fault)
        return said["answer"] if isinstance(said.get("answer"), dict) else {}, found

    def _expire(self) -> None:
        self._late = True
        self._process.kill()

    def _fault(self, fault: Any) -> LimbeckError:
        told = fault if isinstance(fault, dict) else {}
        what, where, fix = (None if told.get(key) is None else str(told[key]) for key in ("what", "where", "fix"))
        if told.get("memory"):
            what = self._greedy
        return LimbeckError(what or f"{self.doing} failed: {told.get('failed')}", where=where or self.where, fix=fix)

    @property
    def _greedy(self) -> str:
        return f"{self.doing} needs more than {self.limits.memory / 2**30:.3g} GB of memory"

    def _death(self, seconds: float, error: Exception) -> LimbeckError:
        status = self._process.wait()
        if self._late or status == -getattr(signal, "SIGXCPU", 0):
            return LimbeckError(f"{self.doing} takes longer than {seconds:g} s, and was stopped", where=self.where)
        if isinstance(error, ValueError):
            return LimbeckError(f"{self.doing} gives no answer, or too large a one", where=self.where)
        # An allocator that gets no memory often ends the process itself.
        return LimbeckError(f"{self._greedy}, or crashed", where=self.where)

    def close(self) -> None:
        """End the child; a process that was forked since leaves it to the one that began it."""
        if os.getpid() != self._parent:
            return
        self._process.kill()
        with contextlib.suppress(OSError), self._process:  # closes its pipes and waits for its end
            pass

    def __enter__(self) -> Confined:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def ask_once(
    module: str, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None, *,
    limits: Limits | None = None, where: object = None, doing: str = "reading it",
) -> tuple[Head, Arrays]:  # fmt: skip
    """Have a child process of its own answer one request; see `Confined`.

    Raises
    ------
    LimbeckError
        See `Confined.ask`.
    """
    with Confined(module, limits, where=where, doing=doing) as child:
        return child.ask(head, arrays)


def confine(limits: Limits) -> None:
    """Hold this process to limits from here on, as far as the platform has them."""
    if resource is None:
        return
    addresses, data = _taken()
    for name, most in (
        ("RLIMIT_AS", addresses and addresses + limits.memory + _ADDRESSES),
        ("RLIMIT_DATA", data + limits.memory),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", limits.written),
        *((("RLIMIT_NOFILE", 3),) if not limits.files else ()),
    ):
        if most is None or not hasattr(resource, name):
            continue
        which = getattr(resource, name)
        with contextlib.suppress(OSError, ValueError):  # a limit that the platform lacks
            soft, hard = resource.getrlimit(which)
            set_before = [one for one in (soft, hard) if one != resource.RLIM_INFINITY]
            resource.setrlimit(which, (min(most, *set_before),) * 2 if set_before else (most, most))


def _taken() -> tuple[int | None, int]:
    """Return bytes of addresses and of data that this process has; of the former None where nobody says."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            pages = [int(part) for part in file.read().split()]
    except (OSError, ValueError):
        return None, 2**30
    size = os.sysconf("SC_PAGE_SIZE")
    return pages[0] * size, pages[5] * size


def _limit_time(seconds: float) -> None:
    """Allow this process so many more seconds on every core; its parent may be gone and stop nothing."""
    if resource is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + seconds * cores()) + 2
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def serve(module: str, limits: Limits, given: IO[bytes], out: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    answer = importlib.import_module(module).answer
    confine(limits)
    send(out, {})
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            head, arrays = receive(given)
            _limit_time(float(head["seconds"]))
            said, made = _answered(answer, head["asked"], arrays)
            del head, arrays
            send(out, said, made)


def _answered(answer: Callable[[Head, Arrays], tuple[Head, Arrays]], head: Head, arrays: Arrays) -> tuple[Head, Arrays]:
    try:
        reply, made = answer(head, arrays)
    except LimbeckError as error:
        where = None if error.where is None else str(error.where)
        return {"fault": {"what": error.what, "where": where, "fix": error.fix}}, {}
    except MemoryError:
        return {"fault": {"memory": True}}, {}
    except BaseException as error:  # whatever a library raises for broken data, a panic of Rust included
        return {"fault": {"failed": first_line(error)}}, {}
    return {"answer": reply}, made


if __name__ == "__main__":
    _given, _out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that prints may stand between the answers
    os.dup2(2, 0)
    serve(sys.argv[1], Limits(**json.loads(sys.argv[2])), _given, _out)
