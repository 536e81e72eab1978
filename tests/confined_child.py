"""A module that `tests/test_confined.py` runs in a child process; it does what hostile data could make a library do."""

import ctypes
import os
import socket
import time
from pathlib import Path

import numpy as np

from limbeck.errors import LimbeckError

_kept = []


class Panic(BaseException):
    """As Rust's panics arrive in Python: no Exception."""


def answer(head, arrays):
    """Do what is asked."""
    do = head["do"]
    if do == "echo":
        return head, {name: array * 2 for name, array in arrays.items()}
    if do == "count":
        _kept.append(1)
        return {"count": len(_kept)}, {}
    if do == "print":
        print("this is no message")  # noqa: T201
        os.write(1, b"nor is this\n")
        return {"printed": True}, {}
    if do == "memory":
        return {"sum": int(np.ones(head["bytes"], dtype="u1").sum())}, {}
    if do == "answer":
        return {}, {"large": np.zeros(head["bytes"], dtype="u1")}
    if do == "sleep":
        time.sleep(60)
    if do == "spin":
        while True:
            pass
    if do == "open":
        with open(head["path"], head["mode"]) as file:  # noqa: PTH123
            return {"read": file.write("x" * head["size"]) if head["mode"] == "w" else file.read()}, {}
    if do == "connect":
        socket.socket()
    if do == "crash":
        ctypes.string_at(0)
    if do == "panic":
        raise Panic("called `unwrap()`\non nothing")
    if do == "refuse":
        raise LimbeckError("row 3 is broken", where=head.get("where"), fix="fix the row")
    if do == "environment":
        return {"environment": dict(os.environ), "folder": str(Path.cwd()), "open": _descriptors()}, {}
    raise AssertionError(do)


def _descriptors():
    out = []
    for number in range(3, 256):
        try:
            os.fstat(number)
        except OSError:
            continue
        out.append(number)
    return out
