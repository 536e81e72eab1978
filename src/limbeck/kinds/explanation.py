"""What drove an answer: the parts of a row, each with its weight, in one shape for all kinds of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Place = tuple[int, int] | tuple[int, int, int, int] | tuple[float, float, int] | str
_LEAST = 1e-30  # of a probability, so that its logarithm is finite


@dataclass(frozen=True)
class Part:
    """A part of a row and what it was worth.

    Attributes
    ----------
    kind
        What ``where`` is: ``span``, ``box``, ``stretch``, ``rhythm`` or ``column``.
    where
        span: first character of the text as it was given, and the one behind the last. box: left, top, right and bottom
        in pixels of the upright picture, right and bottom exclusive. stretch: start and end in seconds from the
        beginning of the window, and the number of the lead, from 0. rhythm: ``"rr"``, the intervals to the beats
        around. column: its name.
    weight
        What the part adds to the log-odds of the answered class; a negative one speaks against it. Of a detector's map:
        the mean of the map in the box, 0 usual and 1 strange, with a minus where the answer is normal.
    """

    kind: Literal["span", "box", "stretch", "rhythm", "column"]
    where: Place
    weight: float


@dataclass(frozen=True)
class Explanation:
    """The answer to one row and what drove it.

    Attributes
    ----------
    label
        The answered class.
    probability
        Of that class.
    parts
        The heaviest parts of either sign, the heaviest first.
    """

    label: str
    probability: float
    parts: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as numbers, texts, lists and dictionaries."""
        return asdict(self)


class Model(Protocol):
    """What an explanation asks of a classifier."""

    @property
    def encoder(self) -> Any:
        """What encodes raw values."""

    @property
    def mapped(self) -> bool:
        """Whether it can say where in a picture an anomaly is."""

    def encode(self, values: Any) -> Any:
        """Encode raw values."""

    def submit(self, rows: Any) -> Any:
        """Start to answer encoded rows; ``.result()`` gives probabilities float32 [N, C]."""

    def maps_of(self, rows: Any) -> NDArray[np.float32]:
        """Return the maps float32 [N, h, w] of encoded pictures."""


def log_odds(p: NDArray[np.float32], classes: Ints) -> Floats:
    """Return float64 [N], the log-odds of a class int64 [N] of each row of probabilities [N, C]."""
    rows = np.arange(len(p))
    own = p[rows, classes].astype(np.float64)
    rest = p.astype(np.float64)
    rest[rows, classes] = 0.0  # summed without it: 1 - own would lose the digits of a sure answer
    return np.asarray(np.log(np.maximum(own, _LEAST)) - np.log(np.maximum(rest.sum(axis=1), _LEAST)))


def heaviest(parts: Sequence[Part], top: int) -> tuple[Part, ...]:
    """Return the ``top`` parts of the largest weight of either sign, the largest first; those of no weight are none."""
    return tuple(sorted((part for part in parts if part.weight), key=lambda part: -abs(part.weight))[:top])


def apart(weights: Floats, overlaps: NDArray[np.bool_], top: int) -> list[int]:
    """Return the places of at most ``top`` heaviest weights [W], no two of which overlap, bool [W, W]."""
    chosen: list[int] = []
    free = np.ones(len(weights), dtype=bool)
    for place in np.argsort(-np.abs(weights), kind="stable").tolist():
        if free[place] and len(chosen) < top:
            chosen.append(place)
            free &= ~overlaps[place]
    return chosen
