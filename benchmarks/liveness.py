"""Face liveness on NUAA: sessions 1 and 2 train, session 3 is evaluated. Which way the spectrum reaches a student."""

from __future__ import annotations

import contextlib
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.figures import ROOT, Figure, over_seeds
from benchmarks.published_wiring import PublishedWiring
from limbeck.data.dataset import Dataset
from limbeck.dataset.prepare import prepare
from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.select import encode, values_of
from limbeck.metrics.curves import equal_error_rate, roc_auc
from limbeck.objectives import OBJECTIVES
from limbeck.process.cores import cores
from limbeck.recipe import Recipe, load_recipe
from limbeck.training.distill.distill import distil
from limbeck.training.distill.panel import seat
from limbeck.training.distill.trained_teacher import WHOLE, TrainedTeacher
from limbeck.training.student import Student, train_student

COMMAND = "make bench ONLY=liveness"
RECIPE = ROOT / "recipes" / "liveness.toml"
FOURIER = "objective.losses.fourier={base=2.0}"  # the article's schedule: base times min(0.25, 0.15 + 0.001 epoch)
LINEAR = (
    "{hidden=0, dropout=0.75, contrast=false, colours=8}"  # as the recipe's teacher reads it, at the student's size
)
LARGE = {"name": "large", "source": "trained:texture", "options": {"members": 3, "student": {
    "widths": [32, 64, 96], "grey": False, "contrast": False}, "objective": {"losses": {"hard": 1.0}}}}  # fmt: skip
HARD, DISTIL = "objective.losses={hard=1.0}", "objective.losses={distil=1.0}"
BESIDE = f"student.spectrum={LINEAR}"

# What is changed, one thing at a time, in the recipe's student without its teacher; teachers come as tables.
Ways = dict[str, tuple[list[str], list[dict[str, Any]]]]


def ways() -> Ways:
    spectrum = [one.model_dump(mode="json", exclude_none=True) for one in load_recipe(RECIPE).teachers]
    return {
        "without": ([HARD], []),
        "published wiring": ([HARD, "objective.losses.published-wiring=0.5"], []),
        "features": ([HARD, FOURIER], []),
        "teacher": ([DISTIL], spectrum),
        "teacher and labels": (["objective.losses={hard=0.5, distil=0.5}"], spectrum),
        "input": ([HARD, BESIDE], []),
        "distillation only": ([DISTIL], [LARGE]),
        "both": ([DISTIL, BESIDE], spectrum),
    }


def measure(data: Path, *, quick: bool) -> list[Figure]:
    seeds = range(1 if quick else 5)
    with tempfile.TemporaryDirectory() as scratch:
        folder = fixed_split(data / "faces", Path(scratch), quick)
        regression = spectrum_regression(folder, quick)
        named = ways()
        # Trained once, and their answers kept for what follows.
        frequency, large = (
            trained_teacher(folder, named[way][1][0], quick) for way in ("teacher", "distillation only")
        )
        print("teachers", frequency, large, flush=True)
        jobs = [(name, seed, *way) for name, way in named.items() for seed in seeds]
        rows: dict[str, list[dict[str, float]]] = {}
        # Small students train on one core each; the quick ones take less time than a process to begin.
        with (
            contextlib.nullcontext() if quick else ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool
        ):
            each = pool.map if pool else map
            done = each(study, *zip(*((folder, *job[1:], quick) for job in jobs), strict=True))
            for job, one in zip(jobs, done, strict=True):
                rows.setdefault(job[0], []).append(one)
                print(job[0], job[1], rows[job[0]][-1], flush=True)
    return figures(rows, regression, frequency, large)


def fixed_split(faces: Path, out: Path, quick: bool) -> Path:
    """Write the table with the valid rows that the recipe draws at seed 0, so that one teacher serves every seed."""
    recipe = load_recipe(RECIPE)
    table = pl.read_csv(faces / "index.csv", infer_schema=False)
    if quick:
        table = (
            table.sample(fraction=1.0, shuffle=True, seed=0)
            .group_by("label", "split", "subject", maintain_order=True)
            .head(4)
        )
    absolute = (pl.lit(str(faces)) + "/" + pl.col("path")).alias("path")
    table.with_columns(absolute).write_csv(out / "index.csv")
    rows = prepare(recipe, out)
    rows.frame.select("path", "label", "subject", "session").with_columns(split=pl.Series(rows.split)).write_csv(
        out / "index.csv"
    )
    return out


def recipe_of(seed: int, settings: list[str], teachers: list[dict[str, Any]], quick: bool) -> Recipe:
    from limbeck.recipe import parse_recipe

    given = [f"training.seed={seed}", "evaluation.bootstrap=0", *settings, *(["training.epochs=1"] if quick else [])]
    recipe = load_recipe(RECIPE, given)  # its own teachers give way to those of the table
    raw = recipe.model_dump(mode="json", exclude_none=True)
    own = [seeded(one) for one in teachers]
    return parse_recipe({**raw, "teachers": own})


def seeded(teacher: dict[str, Any]) -> dict[str, Any]:
    """Return a teacher with a seed of its own, so that it is the same one for all seeds of the student."""
    options = teacher["options"]
    return {**teacher, "options": {**options, "training": {**options.get("training", {}), "seed": 100}}}


def study(
    folder: Path, seed: int, settings: list[str], teachers: list[dict[str, Any]], quick: bool
) -> dict[str, float]:
    """Return EER and AUC of one student on the third session; runs in a process of its own."""
    OBJECTIVES.setdefault("published-wiring", PublishedWiring)
    recipe = recipe_of(seed, settings, teachers, quick)
    rows = prepare(recipe, folder)
    targets = distil(recipe, rows, folders=[folder]).targets if teachers else None
    student = train_student(recipe, rows, folders=[folder], targets=targets)
    more = {"parameters": float(student.parameters), "cost": multiplications(student)}
    return evaluated(recipe, rows, student.probabilities, student.encoder) | more


def evaluated(recipe: Recipe, rows: Dataset, ask: Any, encoder: Any) -> dict[str, float]:
    test = rows.part("test")
    p = ask(encode(encoder, values_of(rows.frame[test], recipe.task)))[:, 1]
    spoof = rows.labels[test] == 1
    return {"eer": float(equal_error_rate(spoof, p)), "auc": float(roc_auc(spoof, p))}


def trained_teacher(folder: Path, spec: dict[str, Any], quick: bool) -> dict[str, float]:
    """Train a teacher and let its answers be kept; return AUC and EER, and its multiplications against the student's."""
    recipe = recipe_of(0, [DISTIL], [spec], quick)
    rows = prepare(recipe, folder)
    panel = seat(recipe, rows.classes, [folder], rows)
    (teacher,) = panel.teachers
    assert isinstance(teacher, TrainedTeacher)
    test = rows.part("test")
    p = teacher.answer(rows.frame[test])[:, 1]
    panel.ask(rows.frame, None)
    spoof = rows.labels[test] == 1
    return {
        "auc": float(roc_auc(spoof, p)),
        "eer": float(equal_error_rate(spoof, p)),
        "cost": sum(multiplications(one) for one in teacher.trained(WHOLE)),
    }


def multiplications(student: Student) -> float:
    """Count the multiplications of convolutions, linear layers and transforms for one picture, by a pass with hooks."""
    import torch
    from torch import nn

    from limbeck.networks.image.spectrum import Spectrum

    count = 0.0

    def look(module: Any, _: Any, out: Any) -> None:
        nonlocal count
        if isinstance(module, Spectrum):
            count += 3 * module.cosine.shape[0] ** 3  # six products of n x n by n x n/2, as exported
            return
        places = out.shape[2] * out.shape[3] if out.ndim == 4 else 1
        count += module.weight[0].numel() * out.shape[1] * places

    counted = (nn.Conv2d, nn.Linear, Spectrum)
    hooks = [m.register_forward_hook(look) for m in student.network.modules() if isinstance(m, counted)]
    with torch.no_grad():
        student.network.eval()(torch.zeros(1, 3, student.encoder.size, student.encoder.size))  # type: ignore[union-attr]
    for hook in hooks:
        hook.remove()
    return count


def spectrum_regression(folder: Path, quick: bool) -> dict[str, float]:
    """The baseline of the data's README: radial and angular log-spectrum of the grey crop, logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    recipe = recipe_of(0, ["input.size=96"], [], quick)
    rows = prepare(recipe, folder)
    reader = ImageInput(recipe.input)
    grey = reader.encode(values_of(rows.frame, recipe.task)).pixels[..., 0].astype(np.float64)  # type: ignore[arg-type]
    power = np.log(
        np.abs(np.fft.fftshift(np.fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True)), axes=(1, 2))) ** 2 + 1.0
    )
    down, across = np.mgrid[:96, :96] - 48
    radius, angle = np.hypot(down, across), np.arctan2(down, across) % np.pi
    rings = [power[:, (radius >= r) & (radius < r + 1)].mean(axis=1) for r in range(1, 48)]
    rays = [
        power[:, (radius > 4) & (radius < 48) & (np.floor(angle / np.pi * 12) == a)].mean(axis=1) for a in range(12)
    ]
    features = np.stack([*rings, *rays], axis=1)
    train, test = np.concatenate([rows.part("train"), rows.part("valid")]), rows.part("test")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)).fit(
        features[train], rows.labels[train]
    )
    p, spoof = model.decision_function(features[test]), rows.labels[test] == 1
    return {"eer": float(equal_error_rate(spoof, p)), "auc": float(roc_auc(spoof, p))}


def figures(
    rows: dict[str, list[dict[str, float]]],
    regression: dict[str, float],
    frequency: dict[str, float],
    large: dict[str, float],
) -> list[Figure]:
    eer = {name: float(np.mean([row["eer"] for row in found])) for name, found in rows.items()}
    best = min(eer, key=eer.__getitem__)
    free = min((name for name, (settings, _) in ways().items() if BESIDE not in settings), key=eer.__getitem__)
    common = {"subject": "images", "unit": "", "command": COMMAND}
    out = [
        Figure(name="liveness, session 3: EER of the best way", better="lower", floor=0.09, aim=0.029, baseline=regression["eer"], **common,
               **over_seeds([row["eer"] for row in rows[best]]), note=f"the way is {best!r}, {rows[best][0]['parameters']:,.0f} weights; baseline is logistic regression on the log-spectrum."),
        Figure(name="liveness, session 3: EER of the best way that costs nothing in serving", better="lower", floor=0.17, aim=0.09, baseline=regression["eer"],
               **common, **over_seeds([row["eer"] for row in rows[free]]), note=f"the way is {free!r}."),
    ]  # fmt: skip
    for name, found in rows.items():
        plain = rows["without"]
        gain = np.array([a["eer"] - b["eer"] for a, b in zip(plain, found, strict=True)])
        half = 2.776 * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else float("nan")
        said = (
            ""
            if found is plain
            else f"against 'without', same seeds: {100 * gain.mean():+.2f} points better, 95 % interval ± {100 * half:.2f}."
        )
        out.append(Figure(name=f"liveness, EER: {name}", better="lower", baseline=eer["without"], note=said, **common, **over_seeds([row["eer"] for row in found])))  # fmt: skip
    student, cost = [row["auc"] for row in rows["distillation only"]], rows["distillation only"][0]["cost"]
    out += [
        Figure(name="liveness, EER: the frequency teacher itself", value=frequency["eer"], better="lower", **common,
               note=f"AUC {frequency['auc']:.4f}, {frequency['cost'] / 1e6:.1f} million multiplications a picture, the transform as exported; the student has {cost / 1e6:.1f}."),
        Figure(name="liveness, EER: the large teacher without a spectrum itself", value=large["eer"], better="lower", **common),
        Figure(name="liveness: AUC of the student less that of its large teacher", better="higher", floor=-0.005, baseline=large["auc"], **common,
               **over_seeds([value - large["auc"] for value in student]), note="the way is 'distillation only'; baseline is the teacher's AUC."),
        Figure(name="liveness: multiplications of the student, share of its large teacher's", value=cost / large["cost"], better="lower", floor=0.2, **common,
               note=f"{cost / 1e6:.1f} against {large['cost'] / 1e6:.1f} million a picture."),
        *(Figure(name=f"liveness, AUC: {name}", better="higher", **common, **over_seeds([row["auc"] for row in found])) for name, found in rows.items()),
    ]  # fmt: skip
    return out
