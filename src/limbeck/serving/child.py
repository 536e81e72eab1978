"""A server as a child process, for programs that want the engine beside them: the studio, tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from limbeck.errors import LimbeckError
from limbeck.process.import_path import import_path

STOP = 40.0  # seconds that a server has to end


@dataclass(frozen=True)
class Child:
    """A running server: its address, ``http://127.0.0.1:PORT``, and its main process."""

    address: str
    process: subprocess.Popen[str]


@contextlib.contextmanager
def serving(bundles: Sequence[str | Path], *options: str, log: Path | None = None) -> Iterator[Child]:
    """Serve bundles in a process of its own while the body runs; it ends with this process too, however that ends.

    Parameters
    ----------
    bundles
        As on the command line: BUNDLE or NAME=BUNDLE.
    options
        Further words of ``limbeck serve``; without ``--port`` a free port is taken.
    log
        File for what the server logs; by default a temporary one.

    Raises
    ------
    LimbeckError
        When the server does not start; it holds the server's last line.
    """
    port = [] if "--port" in options or "--socket" in options else ["--port", "0"]
    words = [sys.executable, "-P", "-m", "limbeck", "serve", *map(str, bundles), *port, "--end-with-parent", *options]
    env = os.environ | import_path()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_opened(log))
        # A session of its own: an interrupt from the keyboard is the starting program's to answer.
        process = subprocess.Popen(  # noqa: S603 - our own module, by its name
            words, stdout=subprocess.PIPE, stderr=file, text=True, env=env, start_new_session=True
        )
        stack.callback(_stop, process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if " on " not in line:
            process.wait(STOP)
            file.seek(0)
            said = (file.read().strip().splitlines() or ["it said nothing"])[-1]
            raise LimbeckError(f"the server did not start: {said.removeprefix('error: ')}", where="serve")
        yield Child(line.rsplit(" on ", 1)[1].strip(), process)


def _opened(log: Path | None) -> IO[str]:
    return log.open("w+", encoding="utf-8") if log else tempfile.TemporaryFile("w+", encoding="utf-8")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
