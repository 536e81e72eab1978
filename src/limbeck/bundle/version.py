"""The name of a model: a hash of what makes its answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from limbeck.bundle.manifest import Manifest

LENGTH = 16  # hexadecimal digits: 64 bits
_FACTS = ("task", "input", "classes", "positive", "threshold", "temperature", "detection", "multilabel")


def model_version(manifest: Manifest, model: str, files: Sequence[str]) -> str:
    """Return 16 hexadecimal digits that name a model.

    They begin the SHA-256 of a canonical JSON text of the hashes of the files that answer, and of task, input, classes,
    the positive class, threshold, temperature, how boxes are found and how labels are given. The bundle's name, its
    date and its report do not count, so that a new report leaves the version as it is. A hash of ``bundle.json`` would
    not, as it holds the hash of the report. Settings count as ``bundle.json`` states them: a later Limbeck that knows
    more settings gives the same version.

    Parameters
    ----------
    model
        The model file that answers.
    files
        The files that the encoder reads.
    """
    facts = manifest.model_dump(mode="json", include=set(_FACTS), exclude_unset=True)
    facts["files"] = {"model": manifest.files[model], **{name: manifest.files.get(name) for name in sorted(files)}}
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:LENGTH]
