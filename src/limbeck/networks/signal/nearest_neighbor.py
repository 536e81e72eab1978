"""In place of a head: the likest training row of each class, by the cosine of what a given trunk makes of both.

With few labels a linear head over a trunk sees one boundary, where a class is several heaps of rows that are alike, the
beats of one patient, say. Nearest neighbours need no training, and on a frozen trunk they are a strong few-shot
baseline (Vinyals et al. 2016, eq. 1, with hard attention; Wang et al. 2019, "SimpleShot").
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SCALE = 20.0  # logits of cosines; the temperature that is fitted on valid does the rest


class Nearest(nn.Module):
    """Logits of features by the rows that it remembers; before `remember`, all classes are alike.

    ``keys`` float [K, F] are the features of K rows at unit length, ``of`` float [K, C] has a 1 for each one's class.
    """

    keys: Tensor
    of: Tensor

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(1, width))
        self.register_buffer("of", torch.ones(1, classes))

    def forward(self, features: Tensor) -> Tensor:
        """Map features float [B, F] to logits float [B, C]: `SCALE` times the largest cosine of each class."""
        alike = nn.functional.normalize(features, dim=1) @ self.keys.T
        away = 4.0 * (self.of - 1.0)  # no cosine is so small: another class never is the likest
        return SCALE * torch.stack([(alike + away[:, at]).amax(dim=1) for at in range(away.shape[1])], dim=1)

    @torch.no_grad()
    def remember(self, features: Tensor, labels: NDArray[np.int64]) -> None:
        """Keep features float [K, F] of rows with labels int64 [K]."""
        keys = nn.functional.normalize(features, dim=1)
        self.keys = keys.half().float()  # exact in half-size files
        self.of = torch.nn.functional.one_hot(torch.from_numpy(labels), self.of.shape[1]).to(keys)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("keys", "of"):  # of as many rows as were remembered
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name]))
        super()._load_from_state_dict(state_dict, prefix, *rest)
