"""Structured logs: one JSON object a line on standard error, without payloads.

A request's line has the W3C trace of its ``traceparent`` header, so that it can be joined with the logs of others.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import re
import sys
from typing import Any

_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def log(event: str, level: str = "info", **facts: Any) -> None:
    """Write one line."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    line = {"time": now, "level": level, "event": event, "pid": os.getpid(), **facts}
    sys.stderr.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    sys.stderr.flush()


def trace_of(traceparent: str) -> dict[str, str]:
    """Return ``trace_id`` and ``span_id`` of a W3C traceparent header; nothing of one that is not valid."""
    found = _TRACE.fullmatch(traceparent)
    if found is None or found[1] == "0" * 32 or found[2] == "0" * 16:
        return {}
    return {"trace_id": found[1], "span_id": found[2]}


class JsonLines(logging.Formatter):
    """Lines of Python's logging in the same form; granian logs through it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one JSON object."""
        now = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        told = {"time": now, "level": record.levelname.lower(), "event": "server", "pid": os.getpid()}
        return json.dumps({**told, "message": record.getMessage()}, ensure_ascii=False)
