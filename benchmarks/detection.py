"""Detection: signs in street pictures and blood cells, with one recipe; size, speed, eight bits, videos, tracks."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import limbeck
from benchmarks.figures import ROOT, Figure, over_seeds
from limbeck.bundle.detect.detector import Detector
from limbeck.bundle.detect.found import Detections
from limbeck.bundle.detect.tracking import Tracker
from limbeck.bundle.detect.video import VideoFile
from limbeck.metrics.boxes.coco import Found, Truth, coco_metrics

COMMAND = "make bench ONLY=detection"
SEEDS = 3
SETS = {"signs": "signs-gtsdb", "cells": "cells-bccd"}
GIVEN = ["training.threads=1", "training.pictures.flip=0.5", "evaluation.bootstrap=0"]  # both sets survive a mirror
GOALS = {  # set, metric -> least, aim, baseline
    ("signs", "ap50"): (0.70, 0.82, 0.56), ("signs", "ap"): (0.41, 0.50, 0.33), ("signs", "ap50_small"): (0.60, 0.75, None),
    ("cells", "ap50"): (0.84, 0.89, 0.84), ("cells", "ap"): (0.48, 0.57, 0.47),
}  # fmt: skip
NAMES = {"ap": "AP", "ap50": "AP50", "ap50_small": "AP50 of small signs", "ap50_medium": "AP50 of medium signs"}
SIZE, RATE, SECONDS = (1280, 720), 30, 30  # of the made-up video
SIGNS, FRAMES = 20, 90  # of the made-up tracks


def measure(data: Path, *, quick: bool) -> list[Figure]:
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, folder in SETS.items():
            runs = []
            for seed in range(1 if quick else SEEDS):
                bundle = Path(scratch, f"{name}-{seed}")
                runs.append(
                    trained(
                        small(data / "detection" / folder, Path(scratch, f"few-{name}"), quick), bundle, seed, quick
                    )
                )
            found += accuracies(name, runs)
        signs, labels = (
            Path(scratch, "signs-0"),
            small(data / "detection" / SETS["signs"], Path(scratch, "few-signs"), quick),
        )
        found += [*of_bundle(signs, labels), of_video(signs, labels, Path(scratch), 1 if quick else SECONDS)]
    return [*found, of_metrics(), of_tracks()]


def trained(folder: Path, out: Path, seed: int, quick: bool) -> dict[str, Any]:
    """Return the metrics on test of a training with ``recipes/detect.toml``, and the seconds of one core it took."""
    given = [*GIVEN, f"training.seed={seed}"]
    given += (
        ["training.epochs=1", "training.windows.samples=16", "student.width=8", "input.letterbox=160"] if quick else []
    )
    given += ["training.batch_size=4", "training.windows.size=64"] if quick else []
    started = time.process_time()
    done = limbeck.train(ROOT / "recipes" / "detect.toml", data=folder, out=out, settings=given)
    return {**done.metrics, "seconds": time.process_time() - started}


def accuracies(name: str, runs: list[dict[str, Any]]) -> list[Figure]:
    note = "recipes/detect.toml with training.pictures.flip = 0.5, the same for both sets; on signs recipes/traffic-sign-detection.toml resolves to the same settings. Baseline: a centre-map detector of 0.6-0.8 M weights after about 100 CPU-seconds, one seed, counted when the data was prepared."
    wanted = ["ap50", "ap", *(["ap50_small", "ap50_medium"] if name == "signs" else [])]
    figures = []
    for metric in wanted:
        floor, aim, baseline = GOALS.get((name, metric), (None, None, None))
        values = over_seeds([float(run[metric] or 0.0) for run in runs])
        figures.append(
            Figure(
                subject="detection",
                name=f"{name}, test {NAMES[metric]}",
                unit="",
                better="higher",
                command=COMMAND,
                floor=floor,
                aim=aim,
                baseline=baseline,
                note=note,
                **values,
            )
        )
    seconds = over_seeds([run["seconds"] for run in runs])
    figures.append(
        Figure(
            subject="detection",
            name=f"{name}, one training",
            unit="s CPU",
            better="lower",
            command=COMMAND,
            floor=2400.0,
            **seconds,
        )
    )
    return figures


def of_bundle(bundle: Path, labels: Path) -> list[Figure]:
    """Return size and speed of the served model, what eight bits cost, and how far torch and onnxruntime agree."""
    export = json.loads((bundle / "export.json").read_text("utf-8"))
    pictures = sorted((labels / "images" / "test").glob("*.jpg"))[:40]
    with Detector(bundle, threads=0) as detector:
        size = (bundle / detector.model).stat().st_size / 1e6
        files = _milliseconds(detector, pictures)
        frames = _milliseconds(detector, [np.asarray(Image.open(picture).convert("RGB")) for picture in pictures])
    lost = float(export["int8"].get("ap_lost", float("nan")))
    figure = {"subject": "detection", "command": COMMAND}
    return [
        Figure(name="signs, one thread at 640 x 384, from pixels to boxes", value=frames, unit="ms a picture", better="lower", floor=25.0, aim=12.0, note=f"letterbox, graph and decoded boxes; {detector.model}; pictures of 960 x 565", **figure),
        Figure(name="signs, one thread at 640 x 384, from JPEG to boxes", value=files, unit="ms a picture", better="lower", note="the JPEG is decoded too", **figure),
        Figure(name="signs, served model", value=size, unit="MB", better="lower", floor=3.0, aim=1.0, **figure),
        Figure(name="signs, AP on valid that int8 costs", value=None if np.isnan(lost) else lost, unit="", better="lower", floor=0.01, aim=0.005, note=str(export["int8"]["reason"]), **figure),
        Figure(name="torch, onnxruntime, one picture and batches of 8: scores", value=export["largest_score_difference"], unit="", better="lower", floor=1e-4, aim=1e-6, **figure),
        Figure(name="torch, onnxruntime, one picture and batches of 8: edges", value=export["largest_edge_difference"], unit="pixels", better="lower", floor=0.1, aim=1e-6, **figure),
    ]  # fmt: skip


def _milliseconds(detector: Detector, pictures: list[Any]) -> float:
    taken = []
    for picture in pictures:
        started = time.perf_counter()
        detector.detect([picture])
        taken.append(1000 * (time.perf_counter() - started))
    return float(np.median(taken))


def of_video(bundle: Path, labels: Path, scratch: Path, seconds: int) -> Figure:
    """Return the frames a second of a made-up drive: a street picture that comes nearer, tracked and drawn."""
    picture = Image.open(sorted((labels / "images" / "test").glob("*.jpg"))[0]).convert("RGB")
    wide = picture.resize((int(SIZE[0] * 1.3), int(SIZE[1] * 1.3)), Image.Resampling.BILINEAR)
    source, count = scratch / "drive.mp4", seconds * RATE
    with VideoFile(source, Fraction(RATE)) as video:
        for at in range(count):
            shift = at / count
            corner = (shift * (wide.size[0] - SIZE[0]), shift * (wide.size[1] - SIZE[1]))
            video.write(np.asarray(wide.resize(SIZE, box=(*corner, corner[0] + SIZE[0], corner[1] + SIZE[1]))))
    done = limbeck.predict(bundle, source, scratch / "drive.csv", draw=scratch / "drawn.mp4", quiet=True)
    note = f"{seconds} s of 1280 x 720 at {RATE} frames a second, made of one street picture; decoded, tracked, drawn and written again"
    return Figure(
        subject="detection",
        name="video with tracking and drawing",
        value=done.rows / done.seconds,
        unit="frames/s",
        better="higher",
        command=COMMAND,
        floor=25.0,
        aim=60.0,
        note=note,
    )


def of_metrics() -> Figure:
    """Return the largest difference to pycocotools on scenes with crowds, ignored regions and empty pictures."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    worst = 0.0
    for seed in range(20):
        true, found = scene(seed)
        ours = coco_metrics(true, found, ("a", "b", "c"))
        boxes: list[dict[str, Any]] = []
        for number, one in enumerate(true):
            for edges, label, crowd in zip(one.edges, one.labels, one.crowd, strict=True):
                for kind in range(3) if label < 0 else [int(label)]:
                    sides = edges[2:] - edges[:2]
                    boxes.append({"id": len(boxes) + 1, "image_id": number, "category_id": kind, "bbox": [*edges[:2], *sides], "area": sides.prod(), "iscrowd": int(crowd)})  # fmt: skip
        answers = [
            {"image_id": number, "category_id": int(label), "bbox": [*edges[:2], *(edges[2:] - edges[:2])], "score": score}
            for number, one in enumerate(found) for edges, score, label in zip(one.edges, one.scores, one.labels, strict=True)
        ]  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = {
                "images": [{"id": at} for at in range(len(true))],
                "annotations": boxes,
                "categories": [{"id": at} for at in range(3)],
            }
            truth.createIndex()
            run = COCOeval(truth, truth.loadRes(answers), "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()
        names = (
            "ap",
            "ap50",
            "ap75",
            "ap_small",
            "ap_medium",
            "ap_large",
            "ar_1",
            "ar_10",
            "ar_100",
            "ar_small",
            "ar_medium",
            "ar_large",
        )
        worst = max(
            [
                worst,
                *(
                    abs((-1.0 if ours[name] is None else ours[name]) - value)
                    for name, value in zip(names, run.stats, strict=True)
                ),
            ]
        )
    return Figure(
        subject="detection",
        name="metrics of COCO against pycocotools, largest difference",
        value=worst,
        unit="",
        better="lower",
        command=COMMAND,
        floor=1e-6,
        seeds=20,
        note="twelve figures of 20 made-up scenes with crowds, ignored regions and empty pictures",
    )


def scene(seed: int) -> tuple[list[Truth], list[Found]]:
    """Return twelve pictures with true boxes, some of them crowds or ignored, and boxes found near them."""
    random = np.random.default_rng(seed)
    true, found = [], []
    for _ in range(12):
        many = int(random.integers(0, 9))
        corners = random.uniform(0, 400, (many, 2))
        edges = np.concatenate(
            [corners, corners + np.exp(random.uniform(np.log(6), np.log(200), (many, 2)))], axis=1
        ).round(1)
        labels = random.integers(0, 3, many)
        labels[random.random(many) < 0.1] = -1
        true.append(Truth(edges, labels, (random.random(many) < 0.15) | (labels < 0)))
        near = np.concatenate([edges, np.repeat(edges, 2, axis=0) + random.normal(0, 5, (2 * many, 4)).round()])
        near = near[(near[:, 2] > near[:, 0]) & (near[:, 3] > near[:, 1])]
        found.append(Found(near, random.random(len(near)).round(2), random.integers(0, 3, len(near))))
    found[0] = Found(np.array([[1.0, 1, 9, 9]]), np.array([0.5]), np.array([0]))
    return true, found


def of_tracks() -> Figure:
    """Return the most identity switches of a track, of twenty signs that come nearer, with noise and misses."""
    worst = 0
    for seed in range(5):
        random = np.random.default_rng(seed)
        start = np.array([(80 * (at % 8) + 20, 90 * (at // 8) + 40) for at in range(SIGNS)], dtype=np.float64)
        speed, sizes = random.uniform(-1.5, 1.5, (SIGNS, 2)), random.uniform(12, 30, SIGNS)
        tracker, numbers = Tracker({"sign": 0.5}, ("sign",)), [list[int]() for _ in range(SIGNS)]
        for at in range(FRAMES):
            side = (sizes * 1.01**at)[:, None]
            middle = start + speed * at
            edges = (
                np.concatenate([middle - side / 2, middle + side / 2], axis=1)
                + random.normal(0, 0.04, (SIGNS, 4)) * side
            )
            kept = np.flatnonzero(random.random(SIGNS) > 0.08)
            scores = np.where(random.random(SIGNS) < 0.15, 0.3, 0.8)[kept].astype(np.float32)
            boxes = Detections(
                edges[kept].astype(np.float32), scores, np.zeros(len(kept), dtype=np.int64), ("sign",), SIZE
            )
            answered = tracker.step(boxes)
            for box, number in zip(answered.edges, answered.tracks.tolist(), strict=True):
                numbers[int(kept[np.abs(boxes.edges - box).sum(axis=1).argmin()])].append(number)
        worst = max(worst, *(sum(one != other for one, other in pairwise(own)) for own in numbers))
    note = "8 % of the boxes missing, 15 % below the threshold, edges off by 4 % of a side; five videos of 90 frames"
    return Figure(
        subject="detection",
        name="identity switches of a track at most, 20 made-up signs",
        value=float(worst),
        unit="",
        better="lower",
        command=COMMAND,
        floor=1.0,
        seeds=5,
        note=note,
    )


def small(folder: Path, out: Path, quick: bool) -> Path:
    """Return a folder with a few pictures of each part, for the small version; else the folder itself."""
    if not quick or out.exists():
        return out if quick else folder
    out.mkdir()
    (out / "images").symlink_to(folder / "images")
    lines = (folder / "index.csv").read_text("utf-8").splitlines()
    kept = [
        line for part in ("train", "valid", "test") for line in [one for one in lines[1:] if f",{part}," in one][:8]
    ]
    (out / "index.csv").write_text("\n".join([lines[0], *kept]) + "\n", encoding="utf-8")
    paths = {line.split(",")[0] for line in kept}
    boxes = (folder / "boxes.csv").read_text("utf-8").splitlines()
    own = [line for line in boxes[1:] if line.split(",")[0] in paths]
    (out / "boxes.csv").write_text("\n".join([boxes[0], *own]) + "\n", encoding="utf-8")
    return out
