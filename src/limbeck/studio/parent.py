"""End when the process that started this one is gone, also when it was killed and could not say so."""

from __future__ import annotations

import os
import signal
import threading
import time

PARENT = "LIMBECK_STUDIO_PARENT"  # environment: the process that starts the others, their parent
STEP = 0.5  # seconds between two looks


def end_with_parent() -> None:
    """Watch the process that the environment names, in a thread; send SIGTERM to this one once it is gone."""
    named = os.environ.get(PARENT, "")
    if named.isdecimal() and int(named) != os.getpid():
        threading.Thread(target=_watch, args=(int(named),), name="parent watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(STEP)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    os._exit(1)  # who does not end on being asked
