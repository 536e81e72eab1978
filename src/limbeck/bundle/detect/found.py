"""What a detector found in one picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Detections:
    """The boxes found in one picture, the highest score first.

    Attributes
    ----------
    edges
        float32 [N, 4]: left, upper, right and lower edge in pixels of the upright picture, inside it.
    scores
        float32 [N], 0 to 1.
    labels
        int64 [N], places in ``classes``.
    classes
        The names of all classes of the bundle.
    size
        Width and height of the picture.
    kinds, certain
        What the classifier behind the detector says is in each box, and float32 [N], how probable it is; None without.
    tracks
        int64 [N], numbers of objects that are followed through a video; None of single pictures.
    """

    edges: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    size: tuple[int, int]
    tracks: NDArray[np.int64] | None = None
    kinds: tuple[str, ...] | None = None
    certain: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The class of each box."""
        return [self.classes[label] for label in self.labels.tolist()]

    def take(self, which: NDArray[Any]) -> Detections:
        """Return the chosen boxes, by places or bool [N]."""
        tracks = None if self.tracks is None else self.tracks[which]
        kinds = None if self.kinds is None else tuple(np.array(self.kinds, dtype=object)[which].tolist())
        certain = None if self.certain is None else self.certain[which]
        return replace(
            self, edges=self.edges[which], scores=self.scores[which], labels=self.labels[which], tracks=tracks,
            kinds=kinds, certain=certain,
        )  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """Return a dictionary for each box: class, score, x0, y0, x1, y1; in a video track; kind with a classifier."""
        rows = []
        for at, name in enumerate(self.names):
            edges = dict(zip(("x0", "y0", "x1", "y1"), map(float, self.edges[at]), strict=True))
            row = {"class": name, "score": float(self.scores[at]), **edges}
            if self.kinds is not None and self.certain is not None:
                row |= {"kind": self.kinds[at], "kind_probability": float(self.certain[at])}
            rows.append(row if self.tracks is None else {**row, "track": int(self.tracks[at])})
        return rows
