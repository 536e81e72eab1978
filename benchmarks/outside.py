"""Other people's label models as relevance methods, for the tables: crowd-kit's Dawid-Skene, Snorkel's label model.

Both take votes. They come with the ``bench`` extra; without it their rows are left out, and a line says so.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from limbeck.relevance import Fused, uniform


def crowd_kit(P: np.ndarray) -> Fused:
    """Dawid & Skene 1979 by crowd-kit, on hard votes."""
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    K, _, C = P.shape
    votes = np.nan_to_num(P).argmax(axis=2)
    said = ~np.isnan(P[:, :, 0])
    worker, task = np.nonzero(said)
    frame = pd.DataFrame({"task": task, "worker": worker, "label": votes[said]})
    found = DawidSkene(n_iter=100).fit_predict_proba(frame)
    answers = uniform(P).probabilities.copy()
    table = found.reindex(columns=range(C), fill_value=0.0)
    answers[table.index.to_numpy()] = table.to_numpy()
    return Fused(answers, np.ones(K))


def snorkel(P: np.ndarray) -> Fused:
    """Snorkel's label model (Ratner et al. 2019), on hard votes."""
    from snorkel.labeling.model import LabelModel

    votes = np.where(np.isnan(P[:, :, 0]), -1, np.nan_to_num(P).argmax(axis=2)).T
    model = LabelModel(cardinality=P.shape[2], verbose=False)
    model.fit(votes, n_epochs=500, seed=0, progress_bar=False)
    return Fused(model.predict_proba(votes), np.asarray(model.get_weights()))


def _available() -> dict[str, Callable[[np.ndarray], Fused]]:
    wanted = {"crowd-kit's Dawid-Skene": ("crowdkit", crowd_kit), "Snorkel's label model": ("snorkel", snorkel)}
    found = {name: method for name, (package, method) in wanted.items() if find_spec(package)}
    for name in wanted.keys() - found.keys():
        print(f"{name} is not installed: pip install -c constraints.txt -e '.[bench]'")
    return found


OUTSIDE = _available()
