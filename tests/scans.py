"""Small made-up scans that the tests share: soft stripes are normal, a bright or torn patch is not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limbeck.recipe import Recipe, parse_recipe

SIDE = 32


def scan(seed: int, patch: bool = False, side: int = SIDE) -> tuple[Image.Image, Image.Image]:
    """Return a scan and its mask; no two seeds give the same."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side, 0:side]
    grey = 90 + 40 * np.sin(columns / side * 12 + random.uniform(0, 0.6)) + random.normal(0, 6, (side, side))
    mask = np.zeros((side, side), dtype=np.uint8)
    if patch:
        top, left = random.integers(4, side - 14, 2)
        grey[top : top + 10, left : left + 10] = random.uniform(190, 250) + random.normal(0, 20, (10, 10))
        mask[top : top + 10, left : left + 10] = 255
    del rows
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8)), Image.fromarray(mask)


def save(file: Path, image: Image.Image) -> None:
    """Save a picture, making its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)


def mvtec(root: Path, train: int = 24, test: int = 8) -> Path:
    """Write scans in the layout of MVTec AD."""
    for at in range(train):
        save(root / "train" / "good" / f"{at:03d}.png", scan(at)[0])
    for at in range(test):
        save(root / "test" / "good" / f"{at:03d}.png", scan(1000 + at)[0])
        image, mask = scan(2000 + at, patch=True)
        save(root / "test" / "patch" / f"{at:03d}.png", image)
        save(root / "ground_truth" / "patch" / f"{at:03d}_mask.png", mask)
    return root


def bmad(root: Path, train: int = 24, test: int = 8) -> Path:
    """Write scans in the layout of BMAD."""
    for at in range(train):
        save(root / "train" / "good" / f"{at}.png", scan(at)[0])
    for offset, part in ((1000, "valid"), (3000, "test")):
        for at in range(test):
            image, mask = scan(offset + at)
            save(root / part / "good" / "img" / f"{at}.png", image)
            save(root / part / "good" / "label" / f"{at}.png", mask)
            image, mask = scan(offset + 500 + at, patch=True)
            save(root / part / "Ungood" / "img" / f"{at}.png", image)
            save(root / part / "Ungood" / "label" / f"{at}.png", mask)
    return root


def table(root: Path, train: int = 24, valid: int = 10, test: int = 8) -> Path:
    """Write scans with an ``index.csv`` of path, label, patient, split, as chest-xray has it."""
    lines = []
    for part, count in (("train", train), ("valid", valid), ("test", test)):
        for at in range(count):
            name = f"normal/{part}{at}.png"
            save(root / name, scan({"train": 0, "valid": 4000, "test": 6000}[part] + at)[0])
            lines.append((name, "normal", f"{part}{at}", part))
    for at in range(test):
        save(root / f"ill/{at}.png", scan(9000 + at, patch=True)[0])
        lines.append((f"ill/{at}.png", "ill", f"ill{at}", "test"))
    with (root / "index.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "label", "patient", "split"), *lines])
    return root


def detector(network: str = "reverse-distillation", **sections: dict[str, Any]) -> Recipe:
    """Return a recipe for scans that trains in seconds; ``sections`` are laid over it."""
    own: dict[str, Any] = {} if network == "pca" else {"encoder": "squeezenet1_1", "layers": ["fire2", "fire4"]}
    own |= {"reverse-distillation": {"width": 8}, "memory": {"width": 16, "bank": 50}, "pca": {"components": 4}}.get(
        network, {}
    )
    raw: dict[str, Any] = {
        "task": {"kind": "anomaly-image"},
        "data": {"train": "."},
        "input": {"size": SIDE, "colour": "grey", "convention": "imagenet"},
        "student": {"network": network, "smooth": 2.0, "largest": 1.0, **own},
        "training": {
            "epochs": 2, "batch_size": 8, "learning_rate": 0.01, "threads": 1, "device": "cpu", "precision": "fp32",
        },
        "evaluation": {"bootstrap": 20},
    }  # fmt: skip
    for name, values in sections.items():
        raw[name] = {**raw.get(name, {}), **values}
    return parse_recipe(raw)
