"""Student and teacher by feature pyramids (STFPM, Wang et al., BMVC 2021): a copy of the encoder learns its maps.

The student has the encoder's own shape and starts at random. On normal pictures it learns to give the same maps; on
what is strange it was never taught, and differs. Its loss (eq. 1), half the squared distance of maps normalised by
place, is one minus their cosine: the loss ``reverse-distillation`` in the form ``location``. The maps of the scales are
multiplied (§3.3).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from torch import Tensor

from limbeck.networks.anomaly.detector import Mapped, PictureDetector
from limbeck.networks.anomaly.frozen_encoder import Encoded, Frozen
from limbeck.networks.anomaly.reverse_distillation import apart, joined


class Options(Encoded, Mapped):
    """Keys of ``[student]`` for ``network = "student-teacher"``."""

    combine: Literal["sum", "product"] = Field(default="product", description="how the maps of the scales are joined")


class StudentTeacher(PictureDetector):
    """A frozen encoder and a student of the same shape."""

    Options = Options

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.frozen = Frozen(options, reader=encoder)
        self.learner = Frozen(options, learned=True, reader=encoder)
        self.watch_whole(sum(self.frozen.widths))

    def seen(self, pixels: Tensor) -> list[Tensor]:
        """Return the encoder's maps, shallow first."""
        return self.frozen(pixels)

    def pairs(self, pixels: Tensor, seen: list[Tensor] | None = None) -> list[tuple[Tensor, Tensor]]:
        """Return for each scale the encoder's maps and the student's, each float [B, F, h, w], shallow first."""
        seen = self.frozen(pixels) if seen is None else seen
        return list(zip(seen, self.learner(pixels), strict=True))

    def strangeness(self, pixels: Tensor, seen: list[Tensor]) -> Tensor:
        """Return the joined maps of one minus the cosine, float [B, 1, side, side]."""
        return joined([apart(*pair) for pair in self.pairs(pixels, seen)], self.side, self.options.combine)

    def load_start(self, source: str, encoder: Any) -> str:
        """Start the frozen encoder from given weights; see `Frozen.load_start`."""
        return self.frozen.load_start(source, encoder)
