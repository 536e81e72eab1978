"""Detection: find objects in pictures, each with its box and class."""

from __future__ import annotations

from dataclasses import replace

from limbeck.kinds.image.whole.letterbox import LetterboxInput
from limbeck.tasks.classify import CLASSIFY

DETECT = replace(
    CLASSIFY,
    name="detect",
    reader=LetterboxInput,
    verbs={
        "train": "limbeck.training.detect.train:train",
        "doctor": "limbeck.training.detect.doctor:examine",
        "load": "limbeck.bundle.detect.detector:Detector",
        "predict": "limbeck.bundle.detect.predict:predict",
        "evaluate": "limbeck.evaluation.detect.evaluate:evaluate",
        "serve": "limbeck.serving.boxes:LoadedDetector",
    },
)
