"""Synthetic anomalies made of normal rows, to compare detectors where no real ones are known.

Three of the four forms of Han et al. (ADBench, NeurIPS 2022, §3.2): cells of other rows, which do not fit
(dependency anomalies; some cells or all); rows farther from the middle (global); and noise around a row (local). Beside
them the middle of two rows (mixup, Zhang et al. 2018), which lies between groups where normal rows have some.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_SHARES = (0.15, 0.5, 1.0)  # of the cells that come from other rows
_AWAY = (1.3, 2.0)  # how far from the middle, in distances of the row
_NOISE = 0.5  # standard deviation of the noise, in standard deviations of the column


def synthetic_anomalies(rows: Tensor, groups: list[list[int]], draw: torch.Generator) -> Iterator[Tensor]:
    """Yield anomalies float [N, F], one form after the other, of scaled normal rows float [N, F].

    ``groups`` lists which features are one cell of the table, and change together.
    """
    count = len(rows)
    for share in _SHARES:
        changed = torch.rand(count, len(groups), generator=draw) < share
        changed[torch.arange(count), torch.randint(len(groups), (count,), generator=draw)] = True
        mixed = rows.clone()
        for at, group in enumerate(groups):
            other = rows[torch.randint(count, (count,), generator=draw)]
            mixed[:, group] = torch.where(changed[:, at, None], other[:, group], rows[:, group])
        yield mixed
    low, high = _AWAY
    middle = rows.mean(dim=0)
    yield middle + (rows - middle) * (low + (high - low) * torch.rand(count, 1, generator=draw))
    yield (rows[torch.randperm(count, generator=draw)] + rows[torch.randperm(count, generator=draw)]) / 2
    yield rows + _NOISE * rows.std(dim=0, correction=0) * torch.randn(rows.shape, generator=draw)
