"""One job at a time for a folder in object storage, which has no locks: a lease that its holder renews.

The lease names host, process and a random token, and its holder writes it anew every few seconds. Who finds a lease
watches it: one that is renewed belongs to a job that runs, one that is not is taken over. Two jobs that begin in the
same second may both get it; as shards have the same bytes whoever answers them, that costs work and no answers.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator

from limbeck.errors import LimbeckError
from limbeck.locks import InUseError
from limbeck.progress import say
from limbeck.scale.places import Place
from limbeck.scale.plan import OWN, write_bytes

EVERY = 5.0  # seconds between renewals
PATIENCE = 3  # renewals that may be missing


@contextlib.contextmanager
def leased(place: Place, name: str, *, every: float = EVERY) -> Iterator[None]:
    """Hold the lease of a job, or of a part of it, until the block ends.

    Raises
    ------
    InUseError
        When another job holds and renews it.
    """
    file = f"{OWN}/lease{f'-{name}' if name else ''}.json"
    mine = {"host": socket.gethostname(), "process": os.getpid(), "token": uuid.uuid4().hex}
    _wait(place, file, every)
    _renew(place, file, mine, 0)
    stop = threading.Event()

    def renew() -> None:
        count = 0
        while not stop.wait(every):
            count += 1
            with contextlib.suppress(LimbeckError):  # the next one may get through
                _renew(place, file, mine, count)

    thread = threading.Thread(target=renew, name="limbeck-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        place.remove(file)


def _renew(place: Place, file: str, mine: dict[str, object], count: int) -> None:
    write_bytes(place, file, json.dumps({**mine, "renewed": count}).encode("ascii"))


def _wait(place: Place, file: str, every: float) -> None:
    """Return once nobody renews the lease."""
    found = place.read(file)
    if found is None or _gone(found):
        return
    say(f"{place.shown}: another job was writing this folder; looking whether it still is")
    until = time.monotonic() + every * PATIENCE
    while time.monotonic() < until:
        time.sleep(every / 5)
        now = place.read(file)
        if now is None:
            return
        if now != found:
            raise InUseError(f"{_holder(now)} is writing this folder", where=place.shown, fix="wait for it")


def _gone(lease: bytes) -> bool:
    """Whether the holder was a process of this machine that has ended."""
    try:
        facts = json.loads(lease)
        if facts["host"] != socket.gethostname():
            return False
        os.kill(int(facts["process"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return False


def _holder(lease: bytes) -> str:
    try:
        facts = json.loads(lease)
        return f"process {int(facts['process'])} on {str(facts['host'])[:100]}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "another job"
