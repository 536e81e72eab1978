"""A loaded bundle that finds boxes: pictures in, boxes out.

The graph does it all for a letterbox: scores, peaks, the best K and their boxes. What is left here is to scale boxes to
the picture, to leave out those below the threshold of their class, and those that overlap a better one of their class.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.detect.found import Detections
from limbeck.bundle.detect.second_stage import SecondStage
from limbeck.bundle.manifest import Detection
from limbeck.bundle.open_bundle import OpenBundle
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.whole.letterbox import in_picture
from limbeck.kinds.select import checked_values
from limbeck.metrics.boxes.overlap import suppressed

LEAST = 0.01  # score under which nothing is returned, whatever is asked
_AGAIN = "copy the bundle again, or export it anew"


class Detector(OpenBundle):
    """A verified bundle that finds boxes; see `limbeck.bundle.classifier.Classifier` for the parameters."""

    def detect(
        self, pictures: Sequence[Any], *, threshold: float | None = None, unreadable: str = "raise"
    ) -> list[Detections | None]:
        """Return what is found in each of N pictures: paths, Pillow images or uint8 arrays [H, W, 3].

        Parameters
        ----------
        threshold
            The smallest score that counts, 0.01 and more; by default that of each class, chosen on valid.
        unreadable
            What becomes of a picture that cannot be read: ``"raise"`` an error, or ``"none"``: None in its place.

        Raises
        ------
        LimbeckError
            When the values are no pictures, or one cannot be read.
        """
        if unreadable not in ("raise", "none"):
            raise LimbeckError(f"unreadable is 'raise' or 'none', not {unreadable!r}", where="detect")
        if threshold is not None and not LEAST <= threshold <= 1:
            raise LimbeckError(f"threshold is {LEAST} to 1, not {threshold}", where="detect")
        values = checked_values(pictures, self.manifest.task)
        out: list[Detections | None] = []
        for start in range(0, len(values), self.window):
            rows, bad = self.encode_each(values[start : start + self.window])
            if bad and unreadable == "raise":
                raise bad[min(bad)]
            found = self.found(rows, threshold)
            kept = [None if at in bad else one for at, one in enumerate(found)]
            out += self.told(values[start : start + self.window], kept)
        return out

    def told(self, pictures: Sequence[Picture], found: list[Detections | None]) -> list[Detections | None]:
        """Return boxes with what the classifier behind the detector says of each, if there is one."""
        return found if self.second is None else self.second.told(pictures, found)

    @cached_property
    def second(self) -> SecondStage | None:
        """The classifier that tells what is in a box; None where the bundle has none."""
        behind = self.facts.second
        return None if behind is None else SecondStage(self.path, behind, self.threads)

    def close(self) -> None:
        """Stop the worker threads, those of a classifier behind it too."""
        if self.__dict__.get("second") is not None:
            self.__dict__["second"].close()
        super().close()

    def found(self, rows: Any, threshold: float | None = None) -> list[Detections]:
        """Return what is found in encoded pictures, `Letterboxed`; see `detect`."""
        return self.scaled(self.raw(rows), rows, threshold)

    def raw(self, rows: Any) -> NDArray[np.float32]:
        """Return the answer of the graph, float32 [N, K, 6]: edges in pixels of the letterbox, score, class."""
        parts = [np.arange(at, min(at + self.encoder.most, len(rows))) for at in range(0, len(rows), self.encoder.most)]
        pending = [self._pool.submit(self._run, rows, part) for part in parts]
        return np.concatenate([one.result() for one in pending] or [np.empty((0, 0, 6), dtype=np.float32)])

    def scaled(self, raw: NDArray[np.float32], rows: Any, threshold: float | None) -> list[Detections]:
        """Return boxes of pictures from those of letterboxes float32 [N, K, 6]."""
        found = []
        cuts = self._cuts(threshold)
        for one, scale, size in zip(raw, rows.scales, rows.sizes, strict=True):
            one = one[one[:, 4] >= cuts[one[:, 5].astype(np.int64)]]
            edges, scores, labels = in_picture(one[:, :4], scale, size), one[:, 4], one[:, 5].astype(np.int64)
            kept = suppressed(edges, scores.astype(np.float64), labels, self.facts.overlap)
            kept = kept[((edges[kept, 2:] - edges[kept, :2]) > 0).all(axis=1)]
            width, height = size.tolist()
            found.append(
                Detections(edges[kept].astype(np.float32), scores[kept], labels[kept], self.classes, (width, height))
            )
        return found

    @property
    def facts(self) -> Detection:
        """What ``bundle.json`` says of the detector."""
        assert self.manifest.detection is not None  # `_check_fit` has looked
        return self.manifest.detection

    def _cuts(self, threshold: float | None) -> NDArray[np.float32]:
        if threshold is None:
            return np.array([max(LEAST, self.facts.thresholds[name]) for name in self.classes], dtype=np.float32)
        return np.full(len(self.classes), threshold, dtype=np.float32)

    def _check_fit(self, file: Path, made: list[str]) -> None:
        inputs = [given.name for given in self._session.get_inputs()]
        outputs = self._session.get_outputs()
        shape = outputs[0].shape if outputs and outputs[0].type == "tensor(float)" else []
        if sorted(inputs) != made or len(shape) != 3 or shape[2] != 6 or self.manifest.detection is None:
            what = f"the model takes {inputs} and gives {shape}, which is not what bundle.json says"
            raise LimbeckError(what, where=file, fix=_AGAIN)
        self._output = str(outputs[0].name)
        _ = self.second  # opened now, so that a missing classifier is found here

    def _answer_of(self, answer: Any, rows: int, where: Path) -> NDArray[np.float32]:
        """Return the answer of the graph, when it is one."""
        good = isinstance(answer, np.ndarray) and answer.dtype == np.float32 and answer.ndim == 3
        if not good or answer.shape[0] != rows or answer.shape[2] != 6 or not np.isfinite(answer).all():
            raise LimbeckError("the model does not answer with boxes", where=where, fix=_AGAIN)
        labels = answer[..., 5]
        if ((labels < 0) | (labels >= len(self.classes))).any():
            raise LimbeckError("the model answers with classes that bundle.json does not name", where=where, fix=_AGAIN)
        found: NDArray[np.float32] = answer
        return found

    def __repr__(self) -> str:
        return f"<Detector {self.manifest.name!r}: {self.manifest.network}, classes {list(self.classes)}>"
