"""Limbeck: distil the classifiers you have into the one you need.

The whole public API is eight functions, with the types of what they tell and raise; each loads what it needs when it is
first called, so that importing the package costs nothing and never imports torch.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from limbeck.version import __version__

# Read when onnxruntime is imported. It would write an id of this device under the home folder and report to its vendor.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from limbeck.bundle.answer import Answers
    from limbeck.bundle.detect.second_stage import join
    from limbeck.bundle.load import load
    from limbeck.bundle.prediction.predict import predict
    from limbeck.errors import LimbeckError
    from limbeck.evaluation.compare_bundles import compare
    from limbeck.evaluation.evaluate import evaluate
    from limbeck.evaluation.recalibrate import recalibrate
    from limbeck.events import Cancelled, Event, Token
    from limbeck.kinds.explanation import Explanation, Part
    from limbeck.training.doctor import doctor
    from limbeck.training.train import train

_HOMES = {
    "Answers": ("limbeck.bundle.answer", "Answers"),
    "Cancelled": ("limbeck.events", "Cancelled"),
    "Event": ("limbeck.events", "Event"),
    "Explanation": ("limbeck.kinds.explanation", "Explanation"),
    "LimbeckError": ("limbeck.errors", "LimbeckError"),
    "Part": ("limbeck.kinds.explanation", "Part"),
    "Token": ("limbeck.events", "Token"),
    "compare": ("limbeck.evaluation.compare_bundles", "compare"),
    "doctor": ("limbeck.training.doctor", "doctor"),
    "evaluate": ("limbeck.evaluation.evaluate", "evaluate"),
    "join": ("limbeck.bundle.detect.second_stage", "join"),
    "load": ("limbeck.bundle.load", "load"),
    "predict": ("limbeck.bundle.prediction.predict", "predict"),
    "recalibrate": ("limbeck.evaluation.recalibrate", "recalibrate"),
    "train": ("limbeck.training.train", "train"),
}

__all__ = [
    "Answers",
    "Cancelled",
    "Event",
    "Explanation",
    "LimbeckError",
    "Part",
    "Token",
    "__version__",
    "compare",
    "doctor",
    "evaluate",
    "join",
    "load",
    "predict",
    "recalibrate",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'limbeck' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
