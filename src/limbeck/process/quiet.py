"""Keep other libraries' warnings off the terminal, from any thread, and leave the process as it was.

`warnings.catch_warnings` puts back a list that another thread may have changed since, so two threads that use it can
leave a filter behind for good. Here a filter is put in by the first who wants it and taken out by the last.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

_lock = threading.RLock()
_held: dict[str, _Filter] = {}


@dataclass
class _Filter:
    entry: tuple[Any, ...]
    home: list[Any]
    users: int = 0


@contextmanager
def without_warnings(module: str = "") -> Iterator[None]:
    """Ignore warnings that are raised in modules whose names begin so; by default all warnings."""
    with _lock:
        if module not in _held:
            entry = ("ignore", None, Warning, re.compile(re.escape(module)) if module else None, 0)
            _held[module] = _Filter(entry, _filters())
            _filters().insert(0, entry)
        _held[module].users += 1
    try:
        yield
    finally:
        with _lock:
            held = _held[module]
            held.users -= 1
            if not held.users:
                del _held[module]
                for filters in (_filters(), held.home):
                    filters[:] = [entry for entry in filters if entry is not held.entry]


def _filters() -> list[Any]:
    return cast("list[Any]", warnings.filters)


@contextmanager
def without_root_logs(package: str) -> Iterator[None]:
    """Drop what a package's modules write straight to the root logger, and the handler that this would leave there."""
    root, drop = logging.getLogger(), _FromPackage(package)
    alone = not root.handlers and logging.lastResort is not None
    root.addFilter(drop)
    if alone:  # `logging.warning` would add a handler of its own to a logger that has none
        root.addHandler(logging.lastResort)  # type: ignore[arg-type]
    try:
        yield
    finally:
        if alone:
            root.removeHandler(logging.lastResort)  # type: ignore[arg-type]
        root.removeFilter(drop)


@contextmanager
def at_level(name: str, level: int) -> Iterator[None]:
    """Have a logger of another library write nothing below a level."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)


class _FromPackage(logging.Filter):
    def __init__(self, package: str) -> None:
        super().__init__()
        self.part = re.compile(rf"[/\\]{re.escape(package)}[/\\]")

    def filter(self, record: logging.LogRecord) -> bool:
        return not self.part.search(record.pathname)
