"""ECG200 with few labels: the candidate that the recipe chooses, against MiniRocket with a ridge and against scratch.

Labels are drawn and evaluated as in `benchmarks.ecg_transfer`. The candidates are compared on the drawn labels alone. The
baseline is MiniRocket as its paper defines it (Dempster et al. 2021), written here a second time in NumPy, with
scikit-learn's `RidgeClassifierCV`; it learns from all drawn labels.
"""

from __future__ import annotations

import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.ecg_transfer import LABELS, RECIPE, accuracy, few, trunk
from benchmarks.figures import Figure, over_seeds
from limbeck.data.dataset import Dataset
from limbeck.dataset.prepare import prepare
from limbeck.recipe import load_recipe
from limbeck.training.search.candidates import candidates_of, choose

COMMAND = "make bench ONLY=ecg_candidates"
SEEDS = 3  # draws of labels; one trunk
QUICK = ["selection.folds=2", "selection.repeats=1", "selection.candidates.scratch.training.epochs=1"]
Floats = NDArray[np.float64]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    folder = data / "ecg"
    found: dict[int, list[dict[str, float | str]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        weights = trunk(folder, Path(scratch, "trunk"), 0, quick)
        for count in LABELS[:1] if quick else LABELS:
            found[count] = [compared(folder, weights, count, seed, quick) for seed in range(1 if quick else SEEDS)]
            print(count, found[count], flush=True)
    figures = []
    for count, values in found.items():
        few_rows = " (the smaller class has 31 labels)" if count > 31 else ""
        told = ", ".join(f"{one['name']} by {one['score']:.3f}" for one in values)
        means = {
            way: float(np.mean([float(one[way]) for one in values]))
            for way in ("chosen", "baseline", "scratch", "trunk")
        }
        for way, baseline, aim in (("baseline", "MiniRocket + ridge", 1.0), ("scratch", "scratch", None)):
            less = [100 * (float(one["chosen"]) - float(one[way])) for one in values]
            figures.append(Figure(
                "holds", f"ECG200, {count} labels of each class: chosen candidate less {baseline}, accuracy",
                **over_seeds(less), unit="points", better="higher", command=COMMAND, floor=-0.5, aim=aim,
                baseline=f"{means[way]:.3f} {baseline}",
                note=f"Chosen {means['chosen']:.3f}, the given trunk alone {means['trunk']:.3f}; means over draws{few_rows}. "
                f"Chosen on the drawn labels: {told}.",
            ))  # fmt: skip
    return figures


def compared(folder: Path, weights: Path, count: int, seed: int, quick: bool) -> dict[str, float | str]:
    """Return the accuracy on TEST of what was chosen, of the baseline, of the trunk and from scratch."""
    recipe = load_recipe(RECIPE, [f"student.init={weights}", f"training.seed={seed}", *(QUICK if quick else [])])
    rows = few(prepare(recipe, folder), count, seed)
    choice, all_of_them = choose(recipe, rows, [folder]), candidates_of(recipe)
    score = next(one.score for one in choice.compared if one.name == choice.name)
    found = {name: accuracy(all_of_them[name], rows, folder) for name in ("trunk", "scratch")}
    chosen = found[choice.name] if choice.name in found else accuracy(choice.recipe, rows, folder)
    return {"name": choice.name, "score": score, "chosen": chosen, "baseline": mini_rocket_ridge(rows, seed), **found}


def mini_rocket_ridge(rows: Dataset, seed: int) -> float:
    """Return the accuracy on TEST of MiniRocket features and `RidgeClassifierCV`, with the settings of the paper."""
    series = np.array(rows.frame["signal"].to_list(), dtype=np.float64).reshape(len(rows.labels), -1)
    series = (series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, keepdims=True)
    learned, test = np.flatnonzero(np.isin(rows.split, ["train", "valid"])), rows.part("test")
    features = mini_rocket(series, series[learned], np.random.default_rng(seed))
    model = make_pipeline(StandardScaler(with_mean=False), RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)))
    model.fit(features[learned], rows.labels[learned])
    return float((model.predict(features[test]) == rows.labels[test]).mean())


def mini_rocket(series: Floats, training: Floats, random: np.random.Generator, each: int = 119) -> Floats:
    """Return PPV features float64 [N, 84 * each] of series [N, T]; biases are quantiles on one training series each."""
    longest = np.log2((series.shape[1] - 1) / 8)
    exponents = np.linspace(0, longest, min(each, 32))
    found, taken = [], 0
    for index, (dilation, times) in enumerate(zip(*np.unique(2**exponents // 1, return_counts=True), strict=True)):
        biases = int(np.ceil(each * times / len(exponents)))
        for number, places in enumerate(combinations(range(9), 3)):
            padded = (number + index) % 2 == 0
            sample = outputs(training[random.integers(len(training))][None], places, int(dilation), padded)
            shares = (np.arange(taken + 1, taken + biases + 1) * (np.sqrt(5) + 1) / 2) % 1
            taken += biases
            whole = outputs(series, places, int(dilation), padded)
            found += [(whole > bias).mean(axis=1) for bias in np.quantile(sample, shares)]
    return np.array(found).T


def outputs(series: Floats, places: tuple[int, ...], dilation: int, padded: bool) -> Floats:
    """Return the convolution of series [N, T] with the kernel of -1 and, at three places, 2."""
    ends = 4 * dilation if padded else 0
    wide = np.pad(series, ((0, 0), (ends, ends)))
    size = wide.shape[1] - 8 * dilation
    weights = [2.0 if place in places else -1.0 for place in range(9)]
    return np.sum([w * wide[:, at * dilation : at * dilation + size] for at, w in enumerate(weights)], axis=0)
