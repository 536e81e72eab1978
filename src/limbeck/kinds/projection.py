"""A fixed sparse projection of hashed features to a few numbers, which keeps distances (Kane and Nelson 2014).

Every feature adds its weight, with a sign, to `SPREAD` of the D numbers. Places and signs are bits of a hash of the
feature's id, so that they are the same in every process and on every machine, and no matrix is stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPREAD = 4  # numbers that each feature adds to
_SEED = np.uint64(0x5851F42D4C957F2D)


def projected(
    ids: NDArray[np.int64], weights: NDArray[np.float32], owner: NDArray[np.int64], rows: int, width: int
) -> NDArray[np.float32]:
    """Return float32 [N, width] of features that rows hold.

    Parameters
    ----------
    ids, weights, owner
        Of each feature its id int64 [T], its weight float32 [T] and the row int64 [T] that holds it.
    rows, width
        N, and how many numbers a row gets: a power of two, 256 at most.
    """
    mixed = _mixed(ids.astype(np.uint64))
    out = np.zeros(rows * width)
    for part in range(SPREAD):
        bits = mixed >> np.uint64(16 * part)
        places = (bits & np.uint64(width - 1)).astype(np.int64)
        signs = 1.0 - 2.0 * ((bits >> np.uint64(8)) & np.uint64(1)).astype(np.float64)
        out += np.bincount(owner * width + places, weights * signs, minlength=rows * width)
    return np.asarray(out.reshape(rows, width) / np.sqrt(SPREAD), dtype=np.float32)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row of float32 [N, D] to length one; a row of zeros stays."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the finaliser of SplitMix64 (Steele et al. 2014) of keys."""
    keys = keys + _SEED
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def unit_rows(rows: Any) -> Any:
    """Scale each row of an array or a sparse matrix [N, F] to length one; empty rows stay empty."""
    from scipy import sparse  # only training has it

    if not sparse.issparse(rows):
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return (sparse.diags_array(1.0 / np.maximum(norms, 1e-9)) @ rows).tocsr()
