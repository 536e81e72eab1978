"""How well the spectra of pictures tell their classes apart: the mathematics, in NumPy alone.

The power spectrum of a picture is averaged over rings of frequency; the logarithm of each mean is a feature, as in
spectrum-based detection of re-captured and generated pictures (Durall et al. 2020, Watch your Up-Convolution, §3.1).
Frequencies are counted in cycles per side of the picture, because that is what a resize to S pixels cuts: nothing above
S / 2 is left. How far features separate classes is the area under the ROC curve of a linear model, each row measured by
a model that has not seen it nor its group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_RIDGE = 1.0  # pulls weights of standardised features towards zero, as one row more would


def ring_powers(grey: NDArray[np.number], edges: Sequence[float], sides: tuple[float, float] | None = None) -> Floats:
    """Return the log of the mean power in each ring of frequencies, float64 [len(edges) - 1].

    Parameters
    ----------
    grey
        [H, W]; a Hann window keeps its edges from looking like detail.
    edges
        Rising limits of the rings, in cycles per side; a ring without any frequency of this picture is NaN.
    sides
        Height and width in pixels of the whole picture, of which ``grey`` may be a part.
    """
    height, width = grey.shape
    high, wide = sides or (height, width)
    windowed = (grey - grey.mean()) * np.outer(np.hanning(height), np.hanning(width))
    power = np.square(np.abs(np.fft.rfft2(windowed))) / (height * width)
    across, down = np.fft.rfftfreq(width) * wide, np.fft.fftfreq(height) * high
    radius = np.hypot(down[:, None], across[None, :])
    # Corners of the square reach above the Nyquist limit of its sides; they are no ring of their own.
    ring = np.where(radius < min(high, wide) / 2, np.digitize(radius, np.asarray(edges)), 0).ravel()
    count = np.bincount(ring, minlength=len(edges) + 1)[1 : len(edges)]
    total = np.bincount(ring, weights=power.ravel(), minlength=len(edges) + 1)[1 : len(edges)]
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    logs: Floats = np.log(mean + 1e-3)  # below what eight bits can hold
    return logs


def separation(features: NDArray[np.floating], labels: Ints, groups: Ints | None = None, folds: int = 5) -> float:
    """Return how well features tell classes apart: the mean over classes of the AUC of each against the rest.

    Parameters
    ----------
    features
        [N, F]; what is NaN counts as the mean of its column.
    labels
        Class of each row, [N].
    groups
        Group of each row, [N]: rows of one group are never both learned and evaluated.
    """
    kinds = np.unique(labels)
    wanted = (labels[:, None] == kinds[None, :]).astype(np.float64)
    unit = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    fold = np.random.default_rng(0).permutation(unit.max() + 1)[unit] % folds
    scores = np.zeros_like(wanted)
    for held in range(folds):
        evaluated = fold == held
        if evaluated.any() and not evaluated.all():
            scores[evaluated] = _answers(features[~evaluated], wanted[~evaluated], features[evaluated])
    return float(np.mean([_auc(scores[:, k], wanted[:, k] > 0) for k in range(len(kinds))]))


def _answers(seen: NDArray[np.floating], wanted: Floats, asked: NDArray[np.floating]) -> Floats:
    """Fit a linear model to class indicators by ridge regression, and return what it says of other rows."""
    known = np.isfinite(seen)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, seen, 0.0).sum(axis=0) / count
    deviation = np.sqrt(np.where(known, np.square(seen - mean), 0.0).sum(axis=0) / count) + 1e-9
    a, b = (np.nan_to_num((rows - mean) / deviation) for rows in (seen, asked))
    shift = wanted.mean(axis=0)
    weights = np.linalg.solve(a.T @ a + _RIDGE * np.eye(a.shape[1]), a.T @ (wanted - shift))
    answers: Floats = b @ weights + shift
    return answers


def _auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve by ranks, ties counted half (Mann and Whitney 1947)."""
    ranked, inverse, count = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2
    yes, no = int(positive.sum()), int((~positive).sum())
    if not yes or not no or not len(ranked):
        return 0.5
    return float((middle[inverse][positive].sum() - yes * (yes + 1) / 2) / (yes * no))
