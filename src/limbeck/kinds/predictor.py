"""What reports and baselines ask of a bundle, so that they need not know how one is opened."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Predictor(Protocol):
    """A classifier that is ready to answer; `limbeck.bundle.classifier.Classifier` is one."""

    manifest: Any

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities' columns."""

    @property
    def threshold(self) -> float:
        """Smallest positive probability that makes a row of two classes positive."""

    @property
    def mapped(self) -> bool:
        """Whether it can say where in an image an anomaly is."""

    def predict_proba(self, values: Any, *, unreadable: str = "raise") -> NDArray[np.float32]:
        """Return class probabilities float32 [N, C]."""

    def decide(self, probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return class indices int64 [N]."""

    def maps(self, values: Any) -> NDArray[np.float32]:
        """Return anomaly maps float32 [N, h, w]."""
