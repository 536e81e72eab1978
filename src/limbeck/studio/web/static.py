"""Addresses of static files carry a hash of the file, so that browsers may keep them and still get new ones."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


@cache
def _version(name: str) -> str:
    found = finders.find(name)
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:12] if found else ""


class Versioned(StaticFilesStorage):
    """Static files in the package, addressed with ``?v=HASH``."""

    def url(self, name: str | None) -> str:
        """Return the address of a file."""
        address = super().url(name)
        version = _version(name) if name else ""
        return f"{address}?v={version}" if version else str(address)
