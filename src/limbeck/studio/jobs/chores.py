"""Small work that comes up again and again, done by every worker beside its job. An app's AppConfig lists its own.

``chores = ("module:function",)``. A function is called every few seconds without arguments, on any number of workers at
once: what it does it has to claim in the database. It should be done within seconds.
"""

from __future__ import annotations

import logging
import threading
from importlib import import_module

from django.apps import apps
from django.db import close_old_connections, connection

PAUSE = 5.0  # seconds between two rounds
log = logging.getLogger(__name__)


def do_chores() -> None:
    """Do the chores of all apps once; one that fails is logged and costs no other."""
    for app in apps.get_app_configs():
        for name in getattr(app, "chores", ()):
            module, _colon, function = name.partition(":")
            try:
                close_old_connections()
                getattr(import_module(module), function)()
            except Exception:
                log.exception("the chore %s failed", name)


def keep_doing(stopping: threading.Event) -> threading.Thread:
    """Do the chores in a thread until told to stop."""

    def rounds() -> None:
        try:
            while not stopping.wait(PAUSE):
                do_chores()
        finally:
            connection.close()

    thread = threading.Thread(target=rounds, name="chores", daemon=True)
    thread.start()
    return thread
