"""Standard output and standard error that cannot be written: a full disk, or a reader that is gone (``| head``)."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from limbeck.errors import LimbeckError
from limbeck.files import out_of_reach

# What a disk, a permission or a limit of the machine answers. Those of the second line need a path to be of any use.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE}
_PATH = {
    errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
}  # fmt: skip


class ReaderGoneError(Exception):
    """Who read our output has gone. No OSError: of those click makes exit status 1 by itself."""


class Verbs(click.Group):
    """A group of commands that leaves a closed pipe to `limbeck.cli.main.run`."""

    def make_context(self, *given: Any, **named: Any) -> click.Context:
        """Parse the words of a command; some, as --help, print."""
        with _told_apart():
            return super().make_context(*given, **named)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _told_apart():
            return super().invoke(ctx)


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def end_quietly() -> NoReturn:
    """End as other programs do when the reader of their output is gone: by SIGPIPE, without a word."""
    _silence(sys.stdout)
    with contextlib.suppress(ValueError, AttributeError):  # in a thread, or on Windows
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    sys.exit(1)


def outside(error: OSError) -> LimbeckError | None:
    """Return the one line for an error of the system that the user can fix; None where it is a defect of ours."""
    number = error.errno or 0
    if error.filename is not None and number in _DISK | _PATH:
        return out_of_reach(error, Path(os.fsdecode(error.filename)))
    if number in _DISK:
        return out_of_reach(error, Path("standard output" if _printed(error) else "disk"))
    if "temporary directory" in (error.strerror or ""):
        return LimbeckError("no folder for temporary files can be written", where="TMPDIR", fix="set it to another one")
    return None


def _printed(error: BaseException) -> bool:
    """Return whether an error was met where something is printed; a stream does not tell once it was flushed."""
    names = [str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [name for name in names if name.startswith("limbeck.")]
    return bool(own) and own[-1].startswith("limbeck.cli.")


def settle() -> None:
    """Flush both streams; what cannot be written is dropped, so that it does not change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if _stuck(stream):
            _silence(stream)


def _stuck(stream: TextIO | None) -> bool:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        return True
    return False


def _silence(stream: TextIO | None) -> None:
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
