"""Candidates for pictures without a recipe: descriptors with a linear head, and a small network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limbeck.kinds.sample import CROSS_FITTED, Portfolio, Sample, Sections
from limbeck.recipe import Input

_SIDES = (32, 48, 64)  # of the square that pictures are scaled to
_SAMPLES = 25_000.0  # pictures of 64 x 64 that the network learns from in one of its trainings, a minute or so
_FOLDS = 3  # the network is trained for each of them, and again on all rows


def portfolio(sample: Sample) -> Portfolio:
    """Return what rows of this kind are tried with: descriptors with a linear head, a small network, and both.

    Pictures are scaled to the largest of a few sides that half of them reach; they are not mirrored, as classes may be
    mirror images.
    """
    middle = float(np.median(sample.sides)) if sample.sides else 64.0
    side = max([one for one in _SIDES if one <= middle] or _SIDES[:1])
    epochs = int(np.clip(_SAMPLES * (64 / side) ** 2 // max(sample.rows, 1), 6, 40))
    base: Sections = {
        "input": {"size": side},
        "student": {"network": "descriptors"},
        "training": {"metric": "loss"},  # it tells candidates apart on fewer rows than macro-F1
    }
    if sample.rows <= CROSS_FITTED:
        base["evaluation"] = {"leave_out": {"folds": _FOLDS}}
    candidates: dict[str, Sections] = {
        "descriptors": {"student": {"network": "descriptors"}},
        "network": {
            "student": {"network": "multiscale"},
            "objective": {"label_smoothing": 0.1},
            "training": {
                "epochs": epochs, "batch_size": 32, "learning_rate": 3e-3, "patience": max(10, epochs // 3),
                "average": 0.99,
                "pictures": {"rotate": 10, "shift": 0.08, "zoom": 0.1, "brightness": 0.2, "contrast": 0.2},
            },
        },
    }  # fmt: skip
    return Portfolio(base, candidates, {"blend": True, "folds": _FOLDS})


def smaller(given: Input, *, faster: bool) -> dict[str, Any]:
    """Return the keys of ``[input]`` by which a faster variant differs; empty where there is none."""
    return {"size": given.size // 32 * 16} if faster and given.size >= 32 else {}


def detector(sample: Sample) -> Portfolio:
    """Return what pictures are looked for anomalies with: patches held against those of normal pictures.

    Half of the score is the distance of the picture as a whole: what is strange everywhere a little (a haze, another
    colour) shows in no single patch.
    """
    middle = float(np.median(sample.sides)) if sample.sides else 96.0
    weights = {"path": "../weights/squeezenet1_0_imagenet.npz", "optional": True}
    base: Sections = {
        "input": {"size": int(np.clip(middle // 32 * 32, 64, 160)), "convention": "caffe"},
        "student": {"network": "memory", "encoder": "squeezenet1_0", "whole": 0.5, "init": weights},
        "training": {"batch_size": 16},
    }
    return Portfolio(base, {})


def sides_of(files: Sequence[Path]) -> tuple[int, ...]:
    """Return the shorter side of each picture that can be opened, in pixels."""
    sides = []
    for file in files:
        try:
            with Image.open(file) as picture:
                sides.append(min(picture.size))
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
    return tuple(sides)
