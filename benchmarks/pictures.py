"""Speed of pictures from the bundle: one face at a time against eager torch, and a folder on one core and on all."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import limbeck
from benchmarks.few_rows import few_faces
from benchmarks.figures import ROOT, Figure
from limbeck.bundle.session import open_trusted
from limbeck.dataset.prepare import prepare
from limbeck.kinds.select import values_of
from limbeck.recipe import load_recipe

COMMAND = "make bench ONLY=pictures"


def measure(data: Path, *, quick: bool) -> list[Figure]:
    settings = ["evaluation.bootstrap=0", "evaluation.baseline=false", f"training.epochs={1 if quick else 2}"]
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch, "liveness")
        faces = few_faces(data / "faces", Path(scratch, "faces"), 4) if quick else data / "faces"
        limbeck.train(ROOT / "recipes" / "liveness.toml", data=faces, out=bundle, settings=settings)
        size = serving_size(bundle)
        alone = {rows: against_torch(bundle, faces, rows, 20 if quick else 400 // rows) for rows in (1, 32)}
        folder = many_pictures(data / "faces", Path(scratch, "many"), 40 if quick else 10_000)
        cores = {count: seconds(bundle, folder, Path(scratch, "out.csv"), count, 1 if quick else 3) for count in (1, 2)}
    common = {"subject": "images", "command": COMMAND}
    count = 40 if quick else 10_000
    return [
        Figure(name="liveness bundle: pictures per second, one at a time, against eager torch", value=alone[1]["ratio"], unit="x", better="higher",
               floor=4.0, aim=8.0, baseline=f"{alone[1]['torch']:,.0f} pictures/s", note="encoded pixels to probabilities, one thread each.", **common),
        Figure(name="liveness bundle: pictures per second, 32 at a time, against eager torch", value=alone[32]["ratio"], unit="x", better="higher",
               baseline=f"{alone[32]['torch']:,.0f} pictures/s", **common),
        Figure(name="liveness bundle: what serving loads", value=size / 1e6, unit="MB", better="lower", floor=2.0, **common),
        Figure(name="predict of a folder of 10,000 pictures: two cores against one", value=cores[1] / cores[2], unit="x", better="higher", floor=1.7,
               baseline=f"{cores[1]:.1f} s on one", note=f"{count:,} JPEG files of faces, decoded and answered: {count / cores[2]:,.0f} pictures/s.", **common),
    ]  # fmt: skip


def serving_size(bundle: Path) -> int:
    """Bytes of the bundle less what only a reader of its report or a new training needs."""
    beside = {
        "report.html",
        "README.md",
        "weights.safetensors",
        "metrics.json",
        "export.json",
        "recipe.toml",
        "seen.npy",
    }
    with limbeck.load(bundle) as classifier:
        models = {"model.onnx", "model.int8.onnx"} - {classifier.manifest.serve}
    return sum(file.stat().st_size for file in bundle.iterdir() if file.name not in beside | models)


def against_torch(bundle: Path, faces: Path, rows: int, times: int) -> dict[str, float]:
    """Return pictures per second of eager torch and how many times that the bundle reaches: medians of interleaved runs."""
    import torch
    from safetensors.torch import load_file

    from limbeck.training.build import build
    from limbeck.training.export.onnx_model import Answering

    recipe = load_recipe(bundle / "recipe.toml")
    data = prepare(load_recipe(ROOT / "recipes" / "liveness.toml"), faces)
    values = values_of(data.frame[data.part("test")[:rows]], recipe.task)
    torch.set_num_threads(1)
    network, encoder = build(recipe, values, data.classes, None)
    network.load_state_dict({name: value.float() for name, value in load_file(bundle / "weights.safetensors").items()})
    answering = Answering(network.eval(), 1.0)
    spent: dict[str, list[float]] = {"torch": [], "bundle": []}
    with limbeck.load(bundle, threads=1) as classifier:
        session = open_trusted(bundle / classifier.manifest.serve)
        arrays = encoder.batch(encoder.encode(values), np.arange(rows))  # type: ignore[arg-type,union-attr]
        pixels = torch.from_numpy(arrays["pixels"])
        for at in range(times + 5):
            with torch.inference_mode():
                started = time.perf_counter()
                answering(pixels)
                first = time.perf_counter()
            session.run(None, arrays)
            last = time.perf_counter()
            if at >= 5:
                spent["torch"].append(first - started)
                spent["bundle"].append(last - first)
    torch_seconds, ours = (statistics.median(spent[name]) for name in ("torch", "bundle"))
    return {"torch": rows / torch_seconds, "ratio": torch_seconds / ours}


def many_pictures(faces: Path, out: Path, count: int) -> Path:
    """Write ``count`` JPEG files, no two alike, from the faces at hand."""
    out.mkdir()
    given = sorted((faces / "live").glob("*.jpg")) + sorted((faces / "spoof").glob("*.jpg"))
    for number in range(count):
        image = Image.open(given[number % len(given)])
        if number >= len(given):
            image = image.transpose(
                Image.Transpose.FLIP_LEFT_RIGHT if number < 2 * len(given) else Image.Transpose.ROTATE_90
            )
        image.save(out / f"{number:05d}.jpg", quality=92)
    return out


def seconds(bundle: Path, folder: Path, out: Path, cores: int, times: int) -> float:
    """Median wall-clock seconds of `limbeck predict` in a process that may use so many cores."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    code = f"import os; os.sched_setaffinity(0, {set(allowed)!r}); from limbeck.cli.main import run; run()"
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code, "predict", bundle, folder, out], capture_output=True, text=True
        )
        spent.append(time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
    return statistics.median(spent)
