"""Tables of normal rows without a recipe: `limbeck train TABLE --task anomaly` against four detectors of scikit-learn.

The others see the same training and validation rows, all of them normal, as they are and standardised, and of these
eight the one counts that is best on test: nobody could choose so well without anomalies. A fifth of the normal rows is
held back for test, beside all anomalies.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

import limbeck
from benchmarks.figures import Figure, over_seeds
from limbeck.metrics.curves import roc_auc

COMMAND = "make bench ONLY=auto_anomalies"
SEEDS = int(os.environ.get("LIMBECK_SEEDS", "3"))
SHARES = {"valid": 0.1, "test": 0.2}  # of normal rows; a table of them is divided so where nothing is said
NEIGHBOURS, KEPT = 5, 0.9


def measure(data: Path, *, quick: bool) -> list[Figure]:  # noqa: ARG001 - the sets are scikit-learn's
    found: dict[str, list[dict[str, float]]] = {}
    for name, values, strange in sets():
        if quick and name != "breast cancer":
            continue
        for seed in range(1 if quick else SEEDS):
            found.setdefault(name, []).append(compared(values, strange, seed))
            print(name, seed, {key: round(value, 4) for key, value in found[name][-1].items()}, flush=True)
    return figures(found)


def sets() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, values float64 [N, F] and which rows are anomalies."""
    values, digit = datasets.load_digits(return_X_y=True)
    yield "digits, 0 to 4 normal", values, digit > 4
    values, benign = datasets.load_breast_cancer(return_X_y=True)
    yield "breast cancer", values, benign == 0


def compared(values: np.ndarray, strange: np.ndarray, seed: int) -> dict[str, float]:
    """Return the AUROC on test of the bundle and of each other detector, and the bundle's share of false alarms."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(~strange))
    valid, test, _ = np.split(normal, [int(SHARES["valid"] * len(normal)), int(sum(SHARES.values()) * len(normal))])
    part = np.full(len(values), "train", dtype="<U5")
    part[valid], part[test], part[strange] = "valid", "test", "test"
    columns = {f"column {at}": column for at, column in enumerate(values.T)}
    frame = pl.DataFrame({**columns, "label": np.where(strange, "other", "normal"), "split": part})
    with tempfile.TemporaryDirectory() as scratch:
        more = [f"training.seed={seed}", "evaluation.bootstrap=0"]
        trained = limbeck.train(frame, label="label", task="anomaly", out=Path(scratch, "bundle"), settings=more)
    known, asked = values[part != "test"], values[part == "test"]
    scaler = StandardScaler().fit(known)
    others = plain(known, asked, seed)
    scaled = plain(scaler.transform(known), scaler.transform(asked), seed)
    truth = strange[part == "test"]
    scores = {**others, **{f"{name}, standardised": score for name, score in scaled.items()}}
    figures = {name: float(roc_auc(truth, score) or 0.0) for name, score in scores.items()}
    return {"limbeck": trained.metrics["roc_auc"], "false alarms": trained.metrics["fpr"], **figures}


def plain(known: np.ndarray, asked: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return scores float64 [N] of rows float64 [N, F] by each detector, larger for stranger rows."""
    components = PCA(KEPT).fit(known)
    rebuilt = components.inverse_transform(components.transform(asked))
    near, _ = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(known).kneighbors(asked)
    return {
        "LOF": -LocalOutlierFactor(novelty=True).fit(known).score_samples(asked),
        "kNN": near.mean(axis=1),
        "PCA": np.square(asked - rebuilt).sum(axis=1),
        "isolation forest": -IsolationForest(random_state=seed).fit(known).score_samples(asked),
    }


def figures(found: dict[str, list[dict[str, float]]]) -> list[Figure]:
    """Return the page's rows: the AUROC of each set, and how far it is above the best of the others."""
    out = []
    for name, runs in found.items():
        others = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        alarms = others.pop("false alarms")
        others.pop("limbeck")
        best = max(others, key=lambda key: others[key])
        own = [run["limbeck"] for run in runs]
        note = f"the best of the others is {best}; {alarms:.1%} false alarms on normal test rows, 5% were asked for."
        out.append(Figure("auto", f"{name}: AUROC of anomalies in a table", unit="", better="higher", command=COMMAND,
                          baseline=others[best], note=note, **over_seeds(own)))  # fmt: skip
        gain = [value - others[best] for value in own]
        out.append(Figure("auto", f"{name}: the same less that of the best other, known from test", unit="",
                          better="higher", command=COMMAND, floor=-0.01, aim=0.01, **over_seeds(gain)))  # fmt: skip
    return out
