"""Open models of this process: the last few that were asked, each opened once."""

from __future__ import annotations

import threading
from collections import OrderedDict

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.detect.detector import Detector
from limbeck.errors import LimbeckError
from limbeck.studio.registry.facts import Version

MOST = 4  # models that stay open

_open: OrderedDict[str, Classifier | Detector] = OrderedDict()
_lock = threading.Lock()


def classifier_of(version: Version) -> Classifier:
    """Return the open model of a version; it answers in the calling thread, and any thread may ask it.

    Raises
    ------
    LimbeckError
        When its bundle is damaged, or it finds boxes.
    """
    found = _opened(version)
    if isinstance(found, Detector):
        raise LimbeckError("this model finds boxes, it does not tell classes of rows apart", where=version.full)
    return found


def detector_of(version: Version) -> Detector:
    """Return the open model of a version that finds boxes; as `classifier_of`."""
    found = _opened(version)
    assert isinstance(found, Detector)  # who asks knows it from the manifest
    return found


def _opened(version: Version) -> Classifier | Detector:
    with _lock:
        found = _open.get(version.full)
        if found is None:
            made = Detector if version.finds_boxes else Classifier
            found = _open[version.full] = made(version.path, threads=0)
            while len(_open) > MOST:
                _open.popitem(last=False)
        _open.move_to_end(version.full)
        return found
