"""The import path of this process for the Python processes that it starts."""

from __future__ import annotations

import os
import sys


def import_path() -> dict[str, str]:
    """Return ``PYTHONPATH`` for a child that imports what this process does, whichever folder it runs in."""
    return {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}  # noqa: PTH100
