"""What always answering the most frequent class is worth: the least that any baseline and any student has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck.metrics.baselines.baseline_row import line

NAME = "majority class"


def majority_row(
    train_y: ArrayLike, test_y: ArrayLike, classes: Sequence[str], positive: int | None = None, *,
    answer: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return its line of the report: name, class, accuracy, macro_f1, roc_auc, n_train, seconds.

    Parameters
    ----------
    train_y
        int64 [N], whose most frequent class it answers; without labels among them (all -1), that of ``test_y``.
    answer
        The class that it answers, where that is known.
    """
    known, asked = np.asarray(train_y, dtype=np.int64), np.asarray(test_y, dtype=np.int64)
    known = known[known >= 0]
    if answer is None:
        learned = known if len(known) else asked[asked >= 0]
        answer = int(np.bincount(learned, minlength=len(classes)).argmax())
    p = np.zeros((len(asked), len(classes)))
    p[:, answer] = 1.0
    # No time is measured: it takes none, and the figures of a run that goes on have to be the same.
    return line(NAME, asked, p, classes, positive, learned=len(known), seconds=0.0) | {"class": classes[answer]}
