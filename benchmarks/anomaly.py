"""Chest X-rays, trained on normal scans only: reverse distillation beside its companions, and what a picture costs.

Settings were chosen on made-up anomalies in valid scans (`choose`, see `benchmarks/pretend.py`); test is looked at once
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

from benchmarks.figures import Figure, over_seeds
from benchmarks.pretend import KINDS, spoiled
from limbeck.bundle.classifier import Classifier
from limbeck.data.prepare import Dataset, prepare
from limbeck.evaluation.curves import roc_auc
from limbeck.inputs.kinds import encode, values_of
from limbeck.networks import NETWORKS
from limbeck.networks.frozen import Encoded, Frozen
from limbeck.networks.whole import Whole
from limbeck.recipe import Recipe, load_recipe
from limbeck.training.anomaly import statistics_of, train_detector
from limbeck.training.student import Student

COMMAND = "make bench ONLY=anomaly"
RECIPE = Path(__file__).parent.parent / "recipes" / "medical-anomaly.toml"
OWN = "reverse-distillation"
COMPANIONS = ("memory", "student-teacher", "pca")
SEEDS = (0, 1, 2)
NEIGHBOURS = 5


def recipe_of(network: str, seed: int, quick: bool, settings: list[str] | None = None) -> Recipe:
    small = ["training.epochs=1", "input.size=64", "evaluation.bootstrap=20"] if quick else []
    if quick and network == "memory":
        small.append("student.bank=100")
    chosen = [f"student.network={network}", f"training.seed={seed}", "training.device=cpu", "training.precision=fp32"]
    return load_recipe(RECIPE, [*chosen, "training.threads=1", *small, *(settings or [])])


def pooled(rows: Dataset, folder: Path, recipe: Recipe, student: Student) -> dict[str, np.ndarray]:
    """Return the mean features of the frozen encoder, float [N, F], of train and test."""
    torch.manual_seed(0)
    frozen = Frozen(Encoded(encoder="squeezenet1_0", layers=["fire9"])).eval()
    frozen.load_start(str(folder / "../weights/squeezenet1_0_imagenet.npz"), student.encoder)
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
    """Return for each list of settings how well made-up anomalies in valid rank above the scans they were made from.

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


def measure(data: Path, *, quick: bool) -> list[Figure]:
    folder, times = data / "chest-xray", 3 if quick else 60
    figures, table = [], {}
    with tempfile.TemporaryDirectory() as home:
        for network in (OWN, *COMPANIONS):
            fixed = NETWORKS[network].closed_form and network != "memory"
            seeds = SEEDS[:1] if quick or fixed else SEEDS
            values = []
            for seed in seeds:
                out = Path(home) / f"{network}-{seed}"
                recipe = recipe_of(network, seed, quick)
                rows = prepare(recipe, folder)
                student = train_detector(recipe, rows, folders=[folder])
                trained = finish_of(recipe, rows, student, out)
                values.append(trained["image_auroc"])
                print(f"{network}, seed {seed}: {values[-1]:.4f}", flush=True)
            graph, eager = speeds(out, student, rows, recipe, times)
            table[network] = (over_seeds(values), graph, eager)
            if network == OWN:
                labels = rows.labels[rows.part("test")]
                near = neighbours(pooled(rows, folder, recipe, student), labels)
    best = max(table, key=lambda name: table[name][0]["value"])
    pca = table["pca"][0]["value"]
    baseline = f"PCA {pca:.3f}, mean-feature neighbours {near:.3f}"
    for network, (auroc, graph, _) in table.items():
        own = network == OWN
        note = f"{1000 * graph:.1f} ms a picture on one core" + ("; the winner of the table" if network == best else "")
        figures.append(
            Figure("anomaly", f"chest X-ray, normals only: image AUROC, {network}", unit="", better="higher", command=COMMAND,
                   floor=0.75 if own else None, aim=0.83 if own else None, baseline=baseline, note=note + ".", **auroc),
        )  # fmt: skip
    _, graph, eager = table[OWN]
    figures.append(
        Figure("anomaly", "a scan scored from the bundle against eager torch", eager / graph, "times", "higher", COMMAND,
               floor=3.0, aim=6.0, baseline=f"eager torch {1000 * eager:.1f} ms",
               note="One decoded picture at a time, one thread each, medians of one run."),
    )  # fmt: skip
    return figures


def finish_of(recipe: Recipe, rows: Dataset, student: Student, out: Path) -> dict:
    """Export a detector and judge the bundle on test."""
    from limbeck.training.train import finish

    return finish(recipe, rows, student, out).metrics


if __name__ == "__main__":
    from benchmarks.figures import data_folder

    # python -m benchmarks.anomaly student.largest=0.5 "student.layers=['fire8','fire9'] training.epochs=20"
    choose(data_folder(), {text: text.split() for text in sys.argv[1:]})
