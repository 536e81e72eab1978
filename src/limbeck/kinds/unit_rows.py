"""Rows of features scaled to length one, whether they are dense or sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse


def unit_rows(rows: Any) -> Any:
    """Scale each row of an array or a sparse matrix [N, F] to length one; empty rows stay empty."""
    if not sparse.issparse(rows):
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return (sparse.diags_array(1.0 / np.maximum(norms, 1e-9)) @ rows).tocsr()
