"""Anomalies in tables by the mean of several classical detectors, chosen by synthetic anomalies.

Nearest neighbours, local outlier factor, the error of principal components, and an isolation forest each give the
logarithm of their published score. The first three compare numbers by the spread of their column, or in the unit that
all columns share, as those of pixels do. Scores become comparable as robust z-scores on normal rows of valid; the
answer is the mean of those that are chosen (Aggarwal & Sathe, *Outlier Ensembles*, 2017, ch. 5).

To choose, a part of the training rows is held out, and anomalies are made of it. The scaling is the one with which
nearest neighbours tell both apart better; other detectors are used that are at most a little worse than these. Not the
best alone: components find cells that do not fit each other better than anything else, which is what most synthetic
anomalies are, and fewer real ones. Then all are fitted on all rows.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput
from limbeck.metrics.curves import roc_auc
from limbeck.networks.anomaly.detector import Detector
from limbeck.networks.anomaly.isolation import Isolation
from limbeck.networks.anomaly.neighbours import Neighbours
from limbeck.networks.anomaly.residual import Residual
from limbeck.networks.anomaly.synthetic import synthetic_anomalies
from limbeck.networks.table.columns import Flags, arrays_of, by_name, scaled_once
from limbeck.networks.table.tree_sum import OPERATORS
from limbeck.recipe import Section

Method = Literal["neighbours", "local-outlier-factor", "components", "isolation-forest"]
OWN, COMMON = "columns", "units"
# What is compared: a method, and how the numbers of its rows are scaled; splits do not depend on a scale.
CANDIDATES: tuple[tuple[Method, str | None], ...] = (
    ("neighbours", OWN), ("local-outlier-factor", OWN), ("components", OWN),
    ("neighbours", COMMON), ("local-outlier-factor", COMMON), ("components", COMMON),
    ("isolation-forest", None),
)  # fmt: skip
_SPREAD = 0.05  # of a score's logarithm at least: what moves less is rounding
_HELD_OUT, _ENOUGH = 0.25, 20  # share of training rows on which candidates are compared; rows for it at least
_LEAST = 0.25  # standard deviation of a feature at least, in spreads of its column


class Options(Section):
    """Keys of ``[student]`` for ``network = "outliers"``."""

    methods: list[Method] = Field(default=[], description="detectors that are compared; [] are all")
    scaling: Literal["both", "columns", "units"] = Field(
        default="both",
        description="numbers are compared by the spread of their column, in the unit that all share, or as is better",
    )
    within: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="AUROC on synthetic anomalies by which a detector may be below nearest neighbours",
    )


class Outliers(Detector):
    """Several detectors of tables in one graph; nothing is trained step by step."""

    Options = Options
    closed_form = True
    encoders = ("anomaly-table",)
    fixed = ("numbers", "missing", "categories")
    operators = OPERATORS
    weights: Tensor
    once: Tensor
    middles: Tensor
    scales: Tensor
    unit_scales: Tensor
    found: NDArray[np.float64] | None = None  # AUROC of each candidate on synthetic anomalies

    def __init__(self, options: Any, encoder: TableInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.arrays = arrays_of(encoder)
        self.flags = Flags(0)
        self.register_buffer("once", scaled_once(encoder))
        self.register_buffer("middles", torch.zeros(1))
        self.register_buffer("scales", torch.ones(1))
        self.register_buffer("unit_scales", torch.ones(1))
        self.register_buffer("weights", torch.ones(self.count) / self.count)
        self.neighbours = nn.ModuleList(Neighbours() for _ in (OWN, COMMON))
        self.residuals = nn.ModuleList(Residual() for _ in (OWN, COMMON))
        self.isolation = Isolation()
        self.spans = torch.tensor([encoder.numeric[at].scale for at in self.once.tolist()])

    @property
    def shares(self) -> tuple[float, ...]:
        """Weights of the candidates, 0 for those that are not used."""
        return tuple(self.weights.tolist()) if "weights" in self._buffers else (1.0,) * len(CANDIDATES)

    def row(self, *arrays: Tensor) -> Tensor:
        """Return numbers, what is missing, and flags of frequent categories as one vector, float [B, F]."""
        given = by_name(self.arrays, arrays)
        parts = []
        if "numbers" in given:
            parts += [given["numbers"][:, self.once], given["missing"][:, self.once]]
        if "categories" in given:
            parts.append(self.flags(given["categories"]))
        return torch.cat(parts, dim=1)

    def statistics(self, *arrays: Tensor) -> Tensor:
        """Return the logarithm of each candidate's score, float [B, S], in the order of `CANDIDATES`."""
        return self._scores(self.row(*arrays))

    @torch.no_grad()
    def fit_start(self, rows: Dense) -> None:
        """Choose detectors on a part of the encoded normal rows, and fit them on all."""
        self.flags.fit(rows)
        given = rows.pad(np.arange(len(rows)))
        vectors = self.row(*(torch.from_numpy(given[name]) for name in self.arrays))
        self._fit_scales(vectors)
        seed = torch.initial_seed() % 2**31  # the recipe's: `limbeck.training.build.build` has set it
        draw = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(vectors), generator=draw)
        held = int(_HELD_OUT * len(vectors))
        wanted = {None, self.options.scaling} if self.options.scaling != "both" else {None, OWN, COMMON}
        named = self.options.methods or get_args(Method)
        good = np.array([name in named and how in wanted for name, how in CANDIDATES])
        if held >= _ENOUGH and good.sum() > 1:
            self._fit(vectors[order[held:]], draw, seed)
            self.found = self._compared(vectors[order[:held]], draw)
            good = self._chosen(good, self.found)
        self._fit(vectors, draw, seed)
        tied = {how for how, one in zip((OWN, COMMON), self.neighbours, strict=True) if one.tied}
        clear = good & np.array([name != "local-outlier-factor" or how not in tied for name, how in CANDIDATES])
        good = clear if clear.any() else good
        self.weights = torch.from_numpy(good / good.sum()).float()

    @property
    def remark(self) -> str:
        """What was chosen, as a line for the log."""
        used = [at for at, share in enumerate(self.shares) if share]
        told = [" by ".join(filter(None, CANDIDATES[at])) for at in used]
        if self.found is not None:
            told = [f"{name} (AUROC {self.found[at]:.2f})" for name, at in zip(told, used, strict=True)]
        compared = "chosen by synthetic anomalies" if self.found is not None else "without a comparison"
        return f"detectors, {compared}: {', '.join(told)}"

    @torch.no_grad()
    def settle_statistics(self, statistics: np.ndarray) -> np.ndarray:
        """Fit the scale of each score; see `Detector.settle_statistics`."""
        super().settle_statistics(statistics)
        self.spreads.clamp_(min=_SPREAD)
        return self.scored(torch.from_numpy(statistics).float()).numpy()

    def _fit_scales(self, vectors: Tensor) -> None:
        """Take middles, spreads and units off normal rows float [N, F]."""
        spreads = vectors.std(dim=0, correction=0)
        self.middles, self.scales = vectors.mean(dim=0), spreads.clamp(min=_LEAST)
        self.unit_scales = self.scales.clone()
        if count := len(self.spans):
            own = spreads[:count] * self.spans
            self.unit_scales[:count] = own.square().mean().sqrt().clamp(min=1e-30) / self.spans

    def _chosen(self, allowed: NDArray[np.bool_], found: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of the allowed candidates are used, by their AUROC on synthetic anomalies, both [S]."""
        first = next(name for name, _ in (CANDIDATES[at] for at in np.flatnonzero(allowed)))
        same = [at for at in np.flatnonzero(allowed) if CANDIDATES[at][0] == first]
        best = max(same, key=lambda at: found[at])
        fits = np.array([how in (None, CANDIDATES[best][1]) for _, how in CANDIDATES])
        return allowed & fits & (found >= found[best] - self.options.within)

    def _scaled(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        centred = vectors - self.middles
        return centred / self.scales, centred / self.unit_scales

    def _scores(self, vectors: Tensor) -> Tensor:
        found = []
        for neighbours, residual, scaled in zip(self.neighbours, self.residuals, self._scaled(vectors), strict=True):
            found += [neighbours(scaled), residual(scaled)]
        # Trees see what is read as it is: dividing may move a number to the other side of a threshold.
        return torch.cat((*found, self.isolation(vectors)), dim=1)

    def _fit(self, vectors: Tensor, draw: torch.Generator, seed: int) -> None:
        for neighbours, residual, scaled in zip(self.neighbours, self.residuals, self._scaled(vectors), strict=True):
            neighbours.fit(scaled, draw)
            residual.fit(scaled, draw)
        self.isolation.fit(vectors, seed)

    def _compared(self, vectors: Tensor, draw: torch.Generator) -> NDArray[np.float64]:
        """Return each candidate's AUROC, float64 [S], of synthetic anomalies against the rows they are made of."""
        normal = self._scores(vectors).numpy()
        scores = []
        for strange in synthetic_anomalies(vectors, self._cells(), draw):
            both = np.concatenate((normal, self._scores(strange).numpy()))
            labels = np.arange(len(both)) >= len(normal)
            scores.append([roc_auc(labels, one) or 0.5 for one in both.T])
        return np.asarray(scores).mean(axis=0)

    def _cells(self) -> list[list[int]]:
        """Return which features of a row belong to one cell of the table."""
        numbers, columns = len(self.once), self.flags.column.tolist()
        categories = [[2 * numbers + at for at, one in enumerate(columns) if one == column] for column in set(columns)]
        return [[at, numbers + at] for at in range(numbers)] + categories
