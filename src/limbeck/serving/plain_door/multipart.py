"""The files and fields of a form, multipart/form-data (RFC 7578), as a browser or curl sends it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from limbeck.serving.http import Refusal

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'(?:^|[;\s])name="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_FILE = re.compile(rb'(?:^|[;\s])filename\*?="?((?:[^"\\]|\\.)*)', re.IGNORECASE)
_HEAD = 4096  # bytes of the headers of a part
_PARTS = 10_000


@dataclass(frozen=True)
class Part:
    """A field of a form; ``file`` is whether it was a file."""

    name: str
    file: bool
    content: bytes


def read_form(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of a form, in order.

    Raises
    ------
    Refusal
        400 for a body that is none.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Refusal(400, "multipart/form-data without a boundary")
    mark = b"--" + (found[1] or found[2]).encode("utf-8", "replace")
    if not body.startswith(mark):
        raise Refusal(400, "the form does not begin with its boundary")
    pieces = body[len(mark) :].split(b"\r\n" + mark, _PARTS)
    if not pieces[-1].startswith(b"--"):
        raise Refusal(400, "the form breaks off, or has too many parts")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    end = piece.find(b"\r\n\r\n", 0, _HEAD)
    if not piece.startswith(b"\r\n") or end < 0:
        raise Refusal(400, "a part of the form has no headers")
    for line in piece[2:end].split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-disposition":
            name = _NAME.search(value)
            if name is not None:
                return Part(name[1].decode("utf-8", "replace"), _FILE.search(value) is not None, piece[end + 4 :])
    raise Refusal(400, "a part of the form has no name")
