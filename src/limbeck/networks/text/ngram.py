"""Hashed n-grams to a linear layer, or to one hidden layer: the honest cheap baseline (Joulin et al. 2017).

The linear form is a softmax regression over TF-IDF weights. The inverse document frequency scales each bucket's weight
in training, which lets rare and telling n-grams learn as fast as common ones, and is folded into the table before
export: the served network holds one table and no statistics. With ``class_ratio`` the scale is also multiplied by the
n-gram's log-count ratio between classes, as in NBSVM (Wang & Manning 2012), or the mean of a model with and one without
it is taken.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.networks.base import Network
from limbeck.recipe import Section

_EVEN = 0.3  # factor of an n-gram that is as frequent in all classes


class Options(Section):
    """Keys of ``[student]`` for ``network = "ngram"``."""

    hidden: int = Field(default=0, ge=0, le=512, description="width of the hidden layer; 0 is linear")
    idf: float = Field(default=1.5, ge=0, le=3, description="power of the inverse document frequency")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of n-grams dropped in training")
    class_ratio: Literal["off", "on", "mean"] = Field(
        default="off",
        description="weight n-grams by their log-count ratio between classes (NBSVM); mean: of two models, with and "
        "without; training.optimizer = liblinear",
    )
    margin: float = Field(default=1.0, gt=0, description="C of the linear model; training.optimizer = liblinear")


class Ngram(Network):
    """A bag of hashed n-grams, summed by weight."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"hidden": 8}
    arrays = ("ids", "weights")
    encoders = ("ngrams",)
    scale: Tensor

    def __init__(self, options: Any, encoder: TextInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.linear = options.hidden == 0
        # Two classes need one number: its half and minus its half are the logits.
        self.binary = self.linear and classes == 2
        width = options.hidden or (1 if self.binary else classes)
        self.table = nn.Embedding(encoder.size, width, padding_idx=0)
        nn.init.zeros_(self.table.weight) if self.linear else nn.init.normal_(self.table.weight, std=0.05)
        # Not persistent: the scale is read off the training rows at every start and gone after `fold`.
        self.register_buffer("scale", torch.ones(encoder.size), persistent=False)
        self.folded = False
        self.bias = nn.Parameter(torch.zeros(width))
        self.head = nn.Identity() if self.linear else nn.Linear(width, classes)

    def independent(self) -> None:
        """Give two classes a logit each."""
        if self.binary:
            self.binary = False
            self.table = nn.Embedding(len(self.scale), 2, padding_idx=0)
            nn.init.zeros_(self.table.weight)
            self.bias = nn.Parameter(torch.zeros(2))

    def fit_start(self, rows: Ragged) -> None:
        """Count in how many training rows each bucket occurs; smooth as scikit-learn does."""
        seen = np.bincount(rows.values, minlength=len(self.scale))
        idf = np.log((1 + len(rows)) / (1 + seen)) + 1.0
        self._take_scale(idf**self.options.idf, rows)
        self.folded = False  # a model that is solved again, on more rows, has the scale of these rows still to fold

    def weigh_by_class(self, rows: Ragged, labels: NDArray[np.int64]) -> None:
        """Multiply the scale of `fit_start` by each n-gram's log-count ratio between the classes of N labelled rows."""
        row_of = np.repeat(np.arange(len(rows)), rows.lengths)
        seen = np.stack([
            np.bincount(rows.values[labels[row_of] == one], minlength=len(self.scale)) for one in np.unique(labels)
        ])  # fmt: skip
        self._take_scale(self.scale.cpu().numpy() * log_count_ratio(seen), rows)

    def _take_scale(self, scale: NDArray[np.floating[Any]], rows: Ragged) -> None:
        scale = scale.astype(np.float32)
        weights = rows.weights * scale[rows.values] if rows.weights is not None else scale[rows.values]
        # Rows of unit length on average, so that a weight decay means the same on any data.
        scale /= np.sqrt((weights**2).sum() / max(len(rows), 1)) + 1e-12
        self.scale = torch.from_numpy(scale).to(self.scale.device)

    def features(self, ids: Tensor, weights: Tensor) -> Tensor:
        """Sum ids int64 [B, L] by weights float [B, L] into features float [B, F]."""
        if self.training and self.options.dropout:
            kept = torch.rand(weights.shape, device=weights.device) >= self.options.dropout
            weights = weights * kept / (1.0 - self.options.dropout)
        if not self.folded:
            weights = weights * self.scale[ids]
        summed = torch.einsum("bl,blf->bf", weights, self.table(ids)) + self.bias
        if self.binary:
            return torch.cat((-0.5 * summed, 0.5 * summed), dim=1)
        return summed if self.linear else torch.relu(summed)

    @torch.no_grad()
    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin from folded weights: the scale of these rows is taken out of them, so that answers stay the same."""
        self.load_state_dict(weights)
        self.table.weight /= self.scale.unsqueeze(1)

    def fold(self) -> None:
        """Multiply the scale into the table, once."""
        if self.folded:
            return
        with torch.no_grad():
            self.table.weight *= self.scale.unsqueeze(1)
        self.folded = True


def log_count_ratio(seen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the factor float64 [F] on the weight of each n-gram, by how many rows of each class hold it, int64 [C, F].

    It is the largest absolute log-count ratio of a class against the others, with one row added to each count (Wang &
    Manning 2012, section 2.1), plus a constant.
    """
    held, others = 1.0 + seen, 1.0 + seen.sum(axis=0) - seen
    held, others = held / held.sum(axis=1, keepdims=True), others / others.sum(axis=1, keepdims=True)
    return np.asarray(_EVEN + np.abs(np.log(held / others)).max(axis=0))
