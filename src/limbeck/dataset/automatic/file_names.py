"""What the names of files tell: which pictures are frames of one recording, as ``0007_012.png`` and ``0007_013.png``.

Frames of one track, person or scan are far more alike than pictures of two. Where some are learned from and others
evaluated, every figure is too good (Kapoor and Narayanan 2023, "Leakage and the reproducibility crisis", L3.2).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

# What stands before the last number of a name, with the folder it is in; it holds a number itself.
RECORDING = r"([^/]+/[^/]*\d[^/]*?)[_\-. ]+[A-Za-z]*\d+\.[^./]+$"
_KNOWN = 0.9  # share of the names that have such a form
_EACH = 2.0  # frames of a recording, on average
_LEAST = 5  # recordings of every class, so that each fold of a comparison has some


def tell_recordings(paths: Iterable[str]) -> bool:
    """Return whether the paths of pictures, ``…/class/name``, say which of them are frames of one recording."""
    paths = list(paths)
    found = [match[1] if (match := re.search(RECORDING, path)) else "" for path in paths]
    counts = Counter(found)
    del counts[""]
    of_class: defaultdict[str, set[str]] = defaultdict(set)
    for path, name in zip(paths, found, strict=True):
        of_class[PurePosixPath(path).parent.name].update({name} - {""})
    return (
        counts.total() >= _KNOWN * len(paths) > 0
        and counts.total() >= _EACH * len(counts)
        and min(map(len, of_class.values())) >= _LEAST
    )
