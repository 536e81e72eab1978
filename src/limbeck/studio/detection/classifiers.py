"""Open models of this process: the last few that were asked, each opened once."""

from __future__ import annotations

import threading
from collections import OrderedDict

from limbeck.bundle.classifier import Classifier
from limbeck.studio.registry.facts import Version

MOST = 4  # models that stay open

_open: OrderedDict[str, Classifier] = OrderedDict()
_lock = threading.Lock()


def classifier_of(version: Version) -> Classifier:
    """Return the open model of a version; it answers in the calling thread, and any thread may ask it.

    Raises
    ------
    LimbeckError
        When its bundle is damaged.
    """
    with _lock:
        found = _open.get(version.full)
        if found is None:
            found = _open[version.full] = Classifier(version.path, threads=0)
            while len(_open) > MOST:
                _open.popitem(last=False)
        _open.move_to_end(version.full)
        return found
