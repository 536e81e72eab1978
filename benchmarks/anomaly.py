"""Chest X-rays, trained on normal scans only: reverse distillation beside its companions, and what a picture costs.

Settings were chosen on synthetic anomalies in valid scans (`choose`, see `benchmarks/pretend.py`); test is looked at once
for the whole table. Two baselines of the data's notes are measured on the same rows: principal components (`pca`, which
is a detector like the others) and nearest neighbours on the mean features of the frozen encoder.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.few_rows import few_pictures
from benchmarks.figures import Figure, over_seeds
from benchmarks.pretend import KINDS, spoiled
from limbeck.bundle.classifier import Classifier
from limbeck.data.dataset import Dataset
from limbeck.dataset.prepare import prepare
from limbeck.kinds.select import encode, values_of
from limbeck.metrics.curves import roc_auc
from limbeck.networks.anomaly.frozen_encoder import Encoded, Frozen
from limbeck.networks.anomaly.mahalanobis import Whole
from limbeck.recipe import Recipe, load_recipe
from limbeck.training.anomaly import statistics_of, train_detector
from limbeck.training.finish import finish
from limbeck.training.student import Student

COMMAND = "make bench ONLY=anomaly"
RECIPE = Path(__file__).parent.parent / "recipes" / "medical-anomaly.toml"
OWN = "reverse-distillation"
# Seeds of each: components have none to draw, and a copy of the encoder takes as long to train as all others together.
SEEDS = {"pca": 1, OWN: 3, "memory": 3, "student-teacher": 1}
TABLE = tuple(SEEDS)
NEIGHBOURS = 5


def recipe_of(network: str, seed: int, quick: bool, settings: list[str] | None = None) -> Recipe:
    small = ["training.epochs=1", "input.size=64", "evaluation.bootstrap=20"] if quick else []
    if quick and network == "memory":
        small.append("student.bank=100")
    chosen = [f"student.network={network}", f"training.seed={seed}", "training.device=cpu", "training.precision=fp32"]
    return load_recipe(RECIPE, [*chosen, "training.threads=1", *small, *(settings or [])])


def pooled(rows: Dataset, weights: Path, recipe: Recipe, student: Student) -> dict[str, np.ndarray]:
    """Return the mean features of the frozen encoder, float [N, F], of train and test."""
    torch.manual_seed(0)
    frozen = Frozen(Encoded(encoder="squeezenet1_0", layers=["fire9"])).eval()
    frozen.load_start(str(weights), student.encoder)
    found = {}
    for part in ("train", "test"):
        encoded = encode(student.encoder, values_of(rows.frame[rows.part(part)], recipe.task))
        parts = [np.arange(at, min(at + 16, len(encoded))) for at in range(0, len(encoded), 16)]
        maps = [frozen(torch.from_numpy(student.encoder.batch(encoded, one)["pixels"])) for one in parts]
        found[part] = np.concatenate([Whole.features(one).numpy() for one in maps])
    return found


def neighbours(features: dict[str, np.ndarray], labels: np.ndarray) -> float:
    """Return the AUROC of the mean distance to the nearest training scans."""
    away = np.linalg.norm(features["test"][:, None] - features["train"][None], axis=2)
    return float(roc_auc(labels == 1, np.sort(away, axis=1)[:, :NEIGHBOURS].mean(axis=1)) or 0.0)


def seconds_each(call, pictures, times: int) -> float:
    """Return the median seconds of one picture alone."""
    taken = []
    for at in range(times):
        picture = pictures[at % len(pictures)]
        started = time.perf_counter()
        call(picture)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def speeds(bundle: Path, student: Student, rows: Dataset, recipe: Recipe, times: int) -> tuple[float, float]:
    """Return seconds for one decoded picture: of the bundle's graph, and of eager torch, on one thread each."""
    encoded = encode(student.encoder, values_of(rows.frame[rows.part("valid")], recipe.task))
    feeds = [student.encoder.batch(encoded, np.array([at])) for at in range(min(8, len(encoded)))]
    torch.set_num_threads(1)
    network = student.network.eval()
    with Classifier(bundle, threads=1) as classifier, torch.no_grad():
        session = classifier._session

        def graph(feed):
            return session.run(["probabilities"], feed)

        def eager(feed):
            return torch.softmax(network(torch.from_numpy(feed["pixels"])), dim=1).numpy()

        for call in (graph, eager):  # both warm
            seconds_each(call, feeds, 3)
        return seconds_each(graph, feeds, times), seconds_each(eager, feeds, times)


def choose(data: Path, candidates: dict[str, list[str]], network: str = OWN) -> dict[str, float]:
    """Return for each list of settings how well synthetic anomalies in valid rank above the scans they were made from.

    This is how the recipe's settings were found; no row of test is read.
    """
    folder, found = data / "chest-xray", {}
    for name, settings in candidates.items():
        recipe = recipe_of(network, 0, False, [*settings, 'data.where={label="normal"}'])
        rows = prepare(recipe, folder)
        student = train_detector(recipe, rows, folders=[folder])
        plain = student.valid_rows
        assert plain is not None
        scores = {
            "": student.network.scored(torch.from_numpy(statistics_of(student.network, student.encoder, plain))).numpy()
        }
        for kind in KINDS:
            changed = type(plain)(spoiled(plain.pixels, kind))
            scores[kind] = student.network.scored(
                torch.from_numpy(statistics_of(student.network, student.encoder, changed))
            ).numpy()
        truth = np.repeat([0, 1], len(plain))
        each = [float(roc_auc(truth == 1, np.concatenate([scores[""], scores[kind]])) or 0.0) for kind in KINDS]
        found[name] = statistics.fmean(each)
        print(
            f"{name}: {found[name]:.3f} ({', '.join(f'{kind} {value:.3f}' for kind, value in zip(KINDS, each, strict=True))})",
            flush=True,
        )
    return found


def parts_of(student: Student, rows: Dataset, recipe: Recipe, labels: np.ndarray) -> tuple[float, float]:
    """Return the AUROC on test of the map alone and of the distance of the whole alone."""
    encoded = encode(student.encoder, values_of(rows.frame[rows.part("test")], recipe.task))
    found = statistics_of(student.network, student.encoder, encoded)
    found = (found - student.network.middle.numpy()) / student.network.spreads.numpy()
    largest = recipe.student.options.get("largest", 0.5)
    scores = largest * found[:, 0] + (1 - largest) * found[:, 1], found[:, 2]
    return tuple(float(roc_auc(labels == 1, one) or 0.0) for one in scores)  # type: ignore[return-value]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    folder, times = data / "chest-xray", 3 if quick else 60
    weights = data / "weights" / "squeezenet1_0_imagenet.npz"
    table: dict[str, tuple[dict, float, float]] = {}
    apart: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as home:
        if quick:
            folder = few_pictures(folder, ["label", "split"], 12, Path(home) / "few")
        for network in TABLE:
            values = []
            for seed in range(1 if quick else SEEDS[network]):
                out = Path(home) / f"{network}-{seed}"
                given = [f'student.init.path="{weights}"'] if quick and network != "pca" else None
                recipe = recipe_of(network, seed, quick, given)
                rows = prepare(recipe, folder)
                student = train_detector(recipe, rows, folders=[folder])
                values.append(finish(recipe, rows, student, out).metrics["image_auroc"])
                labels = rows.labels[rows.part("test")]
                if network == OWN:
                    apart.append(parts_of(student, rows, recipe, labels))
                print(f"{network}, seed {seed}: {values[-1]:.4f}", flush=True)
            table[network] = (over_seeds(values), *speeds(out, student, rows, recipe, times))
            print(f"{network}: {values} {apart} {table[network]}", flush=True)
            if network == OWN:
                near = neighbours(pooled(rows, weights, recipe, student), labels)
                print(f"mean-feature neighbours: {near}", flush=True)
    alone, whole = (over_seeds([pair[at] for pair in apart]) for at in (0, 1))
    rows_ = {name: found[0] for name, found in table.items()}
    rows_ |= {f"{OWN}, its map alone": alone, f"{OWN}, its distance as a whole alone": whole}
    rows_["mean-feature neighbours"] = {"value": near, "spread": None, "seeds": 1}
    best = max(rows_, key=lambda name: rows_[name]["value"])
    baseline = f"PCA {rows_['pca']['value']:.3f}, mean-feature neighbours {near:.3f}"
    figures = []
    for name, auroc in rows_.items():
        said = [f"{1000 * table[name][1]:.1f} ms a scan on one core"] if name in table else []
        said += ["the winner of the table"] if name == best else []
        goals = {"floor": 0.75, "aim": 0.83} if name == OWN else {}
        figures.append(
            Figure("anomaly", f"chest X-ray, normals only: image AUROC, {name}", unit="", better="higher",
                   command=COMMAND, baseline=baseline, note="; ".join(said), **goals, **auroc)
        )  # fmt: skip
    _, graph, eager = table[OWN]
    figures.append(
        Figure("anomaly", "a scan scored from the bundle against eager torch", eager / graph, "times", "higher", COMMAND,
               floor=3.0, aim=6.0, baseline=f"eager torch {1000 * eager:.1f} ms",
               note="One decoded picture at a time, one thread each, medians of one run."),
    )  # fmt: skip
    return figures


if __name__ == "__main__":
    from benchmarks.figures import data_folder

    # python -m benchmarks.anomaly student.largest=0.5 "student.layers=['fire8','fire9'] training.epochs=20"
    choose(data_folder(), {text: text.split() for text in sys.argv[1:]})
