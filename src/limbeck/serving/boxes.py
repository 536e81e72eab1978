"""A loaded bundle that finds boxes in pictures.

Its answers go through the same batches as those of a classifier, where each row has an array of one shape: for a
picture float32 [K + 1, 8]. The first line holds the picture's width and height and the number of its boxes; each
further one left, upper, right and lower edge in pixels, score, class, and, of a bundle with a classifier behind it,
what that says is in the box and how probable it is.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.detect.detector import LEAST, Detector
from limbeck.bundle.detect.found import Detections
from limbeck.errors import LimbeckError
from limbeck.kinds.select import Unreadable, Values, checked_values
from limbeck.serving.loaded import LoadedRows
from limbeck.serving.oip.request import BOXES, BOXES_AND_KINDS
from limbeck.serving.oip.response import Output
from limbeck.serving.settings import Settings
from limbeck.serving.waiting import Outcome

_WIDTH = 8


class LoadedDetector(LoadedRows):
    """A bundle of the task ``detect`` that answers."""

    counter = "limbeck_boxes_total"
    finds_boxes = True
    classifier: Detector

    def __init__(self, source: str, settings: Settings) -> None:
        super().__init__(source, settings)
        self.offered = BOXES if self.classifier.second is None else BOXES_AND_KINDS

    def _opened(self, source: str) -> Detector:
        return Detector(source, threads=0)

    def checked(self, values: Any) -> Values:
        """Return raw values as pictures; see `Loaded.checked`."""
        return checked_values(values, self.task)

    def facts(self) -> dict[str, Any]:
        """Return the thresholds of the classes."""
        return {"thresholds": dict(self.classifier.facts.thresholds)}

    def ports_out(self) -> list[dict[str, Any]]:
        """Return the outputs: of N pictures with K boxes at most."""
        shapes: dict[str, list[int]] = {"boxes": [-1, -1, 4]}
        texts = ("labels", "kinds")
        return [
            {"name": name, "datatype": "BYTES" if name in texts else "FP32", "shape": shapes.get(name, [-1, -1])}
            for name in self.offered.outputs
        ]

    def told(self, answer: Outcome) -> list[Any]:
        """Return how many boxes of each class a picture has."""
        return [Counter(box[5] for box in boxes.tolist()) for boxes in self.boxes(answer)]

    def counted(self, answer: Outcome) -> Counter[str]:
        """Return how many boxes have which class."""
        return Counter(self.classifier.classes[int(box[5])] for boxes in self.boxes(answer) for box in boxes.tolist())

    def boxes(self, answer: Outcome, threshold: float | None = None) -> list[NDArray[np.float32]]:
        """Return the boxes of each picture, float32 [n, 8], at a threshold or at those of the classes."""
        cuts = [self.classifier.facts.thresholds[name] if threshold is None else threshold
                for name in self.classifier.classes]  # fmt: skip
        least = np.maximum(np.array(cuts, dtype=np.float32), LEAST)
        out = []
        for row, count in zip(answer.probabilities, answer.decided.tolist(), strict=True):
            found = row[1 : 1 + max(count, 0)]
            out.append(found[found[:, 4] >= least[found[:, 5].astype(np.int64)]])
        return out

    def refusal(self, name: str, threshold: float | None, *, explain: bool) -> str | None:
        """Return what cannot be answered: explanations, and boxes below those that a second classifier has seen."""
        if explain:
            return f"explain: {name!r} finds boxes, which are not explained"
        lowest = max(self.classifier.facts.thresholds.values())
        if threshold is not None and self.classifier.second is not None and threshold < lowest:
            return f"threshold: {name!r} has a classifier behind it; give {lowest:.4g} or more"
        return None

    def rows(self, answer: Outcome, threshold: float | None, top: int | None) -> list[dict[str, Any]]:
        """Return the boxes of each picture as the plain door tells them."""
        classes, second = self.classifier.classes, self.classifier.second
        out: list[dict[str, Any]] = []
        for at, found in enumerate(self.boxes(answer, threshold)):
            if answer.decided[at] < 0:
                error = answer.errors.get(at)
                out.append(self.unread(error))
                continue
            told = []
            for x0, y0, x1, y1, score, place, kind, certain in found[:top].tolist():
                box = {"label": classes[int(place)], "score": score, "x0": x0, "y0": y0, "x1": x1, "y1": y1}
                if second is not None:
                    box |= {"kind": second.classifier.classes[int(kind)], "kind_probability": certain}
                told.append(box)
            width, height = map(int, answer.probabilities[at, 0, :2].tolist())
            out.append({"boxes": told, "width": width, "height": height, "error": None})
        return out

    def unread(self, error: LimbeckError | None) -> dict[str, Any]:
        """Return what the plain door says of a picture that cannot be read."""
        return {"boxes": None, "width": None, "height": None, "error": None if error is None else str(error)}

    def tensors_of(self, answer: Outcome) -> dict[str, Output]:
        """Return the outputs of the protocol: N pictures by the most boxes of one; 0 and "" behind the last box."""
        found = self.boxes(answer)
        most = max(map(len, found), default=0)
        whole = np.zeros((len(found), most, _WIDTH), dtype=np.float32)
        for at, boxes in enumerate(found):
            whole[at, : len(boxes)] = boxes
        there = [at < len(boxes) for boxes in found for at in range(most)]

        def texts(name: str, places: NDArray[np.float32], names: tuple[str, ...]) -> Output:
            flat = places.reshape(-1).astype(np.int64).tolist()
            told = [names[place] if is_box else "" for place, is_box in zip(flat, there, strict=True)]
            return Output(name, "BYTES", told, (len(found), most))

        made = {
            "boxes": Output("boxes", "FP32", whole[..., :4]), "scores": Output("scores", "FP32", whole[..., 4]),
            "labels": texts("labels", whole[..., 5], tuple(self.classifier.classes)),
        }  # fmt: skip
        if (second := self.classifier.second) is not None:
            made["kinds"] = texts("kinds", whole[..., 6], tuple(second.classifier.classes))
            made["kind_scores"] = Output("kind_scores", "FP32", whole[..., 7])
        return made

    def _answered(self, values: Values) -> Outcome:
        encoded, bad = self.classifier.encode_each(values)
        # Boxes below the thresholds are kept for requests with a lower one; a classifier behind would look at each.
        least = LEAST if self.classifier.second is None else None
        raw = self.classifier.raw(encoded)
        found: list[Detections | None] = list(self.classifier.scaled(raw, encoded, least))
        found = self.classifier.told(values, [None if at in bad else one for at, one in enumerate(found)])
        return self._packed(found, raw.shape[1], bad)

    def _packed(self, found: list[Detections | None], most: int, bad: Unreadable) -> Outcome:
        whole = np.zeros((len(found), most + 1, _WIDTH), dtype=np.float32)
        counts = np.full(len(found), -1, dtype=np.int64)
        second = self.classifier.second
        places = {} if second is None else {name: at for at, name in enumerate(second.classifier.classes)}
        for at, one in enumerate(found):
            if one is None:
                continue
            count = counts[at] = len(one)
            whole[at, 0, :3] = (*one.size, count)
            whole[at, 1 : count + 1, :4], whole[at, 1 : count + 1, 4] = one.edges, one.scores
            whole[at, 1 : count + 1, 5] = one.labels
            if one.kinds is not None and one.certain is not None:
                whole[at, 1 : count + 1, 6] = [places[name] for name in one.kinds]
                whole[at, 1 : count + 1, 7] = one.certain
        return Outcome(whole, counts, np.zeros(len(found), dtype=np.float32), bad)

    def _nothing(self) -> Outcome:
        return self._packed([], 0, {})
