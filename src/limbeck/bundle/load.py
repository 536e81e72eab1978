"""`limbeck.load`: a bundle opened as what it is, a classifier or a detector of boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import FILE
from limbeck.errors import LimbeckError
from limbeck.model_names import model_path
from limbeck.recipe import Task
from limbeck.tasks import task_of

_LARGEST = 16 * 2**20


def load(path: str | Path, *, threads: int | None = None, model: str | None = None) -> Any:
    """Open a bundle, verified and ready to answer, without torch.

    Parameters
    ----------
    path, threads, model
        As for `limbeck.bundle.classifier.Classifier`.

    Returns
    -------
    Classifier | Detector
        A `limbeck.bundle.detect.detector.Detector`, with ``detect``, of a bundle that finds boxes; else a `Classifier`,
        with ``predict_proba``.

    Raises
    ------
    LimbeckError
        When the folder is no bundle, or is damaged, or unsafe.
    """
    own = own_verb(path, "load")
    return (own or Classifier)(path, threads=threads, model=model)


def own_verb(path: Any, verb: str) -> Any:
    """Return the function that does a verb for the task of a bundle alone, or None; what is wrong is left to loading.

    ``path`` is a bundle's folder or its name in the registry, or an open bundle.
    """
    if not isinstance(path, str | Path):
        return task_of(path.manifest.task).verb(verb)
    try:
        file = model_path(path) / FILE
        if not file.is_file() or file.stat().st_size > _LARGEST:
            return None
        raw = json.loads(file.read_bytes())
        return task_of(Task.model_validate(raw["task"])).verb(verb)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ValidationError, LimbeckError):
        return None
