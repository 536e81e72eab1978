"""Made-up pictures with boxes that the tests share: filled squares and discs on noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from limbeck.recipe import Recipe, parse_recipe

CLASSES = ("disc", "square")
SIZE = (160, 96)
Box = tuple[float, float, float, float, str]


def scene(seed: int, size: tuple[int, int] = SIZE, most: int = 3) -> tuple[Image.Image, list[Box]]:
    """Return a noisy grey picture with up to ``most`` red discs and blue squares that do not touch, and their boxes."""
    random = np.random.default_rng(seed)
    image = Image.fromarray(random.integers(70, 120, (size[1], size[0], 3)).astype(np.uint8))
    pen, boxes = ImageDraw.Draw(image), list[Box]()
    for _ in range(int(random.integers(0, most + 1))):
        side = int(random.integers(14, 34))
        x, y = (int(random.integers(0, limit - side)) for limit in size)
        if any(x < box[2] + 4 and box[0] < x + side + 4 and y < box[3] + 4 and box[1] < y + side + 4 for box in boxes):
            continue
        name = CLASSES[int(random.integers(0, 2))]
        edges = (x, y, x + side - 1, y + side - 1)  # Pillow draws the last pixel too
        pen.ellipse(edges, fill=(220, 40, 40)) if name == "disc" else pen.rectangle(edges, fill=(40, 60, 220))
        boxes.append((x, y, x + side, y + side, name))
    return image, boxes


def folder_of(place: Path, counts: dict[str, int]) -> Path:
    """Write scenes with ``index.csv`` and ``boxes.csv``; ``counts`` says how many are in each part."""
    index, rows = ["path,width,height,split,group"], ["path,x0,y0,x1,y1,label"]
    seed = 0
    for part, count in counts.items():
        (place / "images" / part).mkdir(parents=True)
        for _ in range(count):
            image, boxes = scene(seed)
            path = f"images/{part}/{seed:03d}.png"
            image.save(place / path)
            index.append(f"{path},{image.size[0]},{image.size[1]},{part},g{seed}")
            rows += [f"{path},{x0},{y0},{x1},{y1},{name}" for x0, y0, x1, y1, name in boxes]
            seed += 1
    (place / "index.csv").write_text("\n".join(index) + "\n", encoding="utf-8")
    (place / "boxes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place


def tiny(**sections: dict[str, Any]) -> Recipe:
    """Return a recipe that trains in seconds; ``sections`` are laid over it."""
    raw: dict[str, Any] = {
        "task": {"kind": "detect-image"},
        "data": {"train": "."},
        "input": {"letterbox": [160, 96]},
        "student": {"network": "centre-map", "width": 8},
        "training": {
            "epochs": 4, "batch_size": 8, "learning_rate": 5e-3, "threads": 1, "device": "cpu", "patience": 9,
            "clip": 10.0, "windows": {"size": 96, "samples": 128, "whole": 0.2, "scale": [0.8, 1.25]},
        },
        "evaluation": {"bootstrap": 20},
    }  # fmt: skip
    for name, values in sections.items():
        raw[name] = {**raw.get(name, {}), **values}
    return parse_recipe(raw)
