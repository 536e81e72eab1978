"""A detector trained by the common loop, chosen by its AP on valid."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.whole.letterbox import Letterboxed, LetterboxInput, in_picture
from limbeck.metrics.boxes.coco import Found, coco_metrics
from limbeck.networks import Network
from limbeck.networks.detect.centre_map import CentreMap
from limbeck.objectives import OBJECTIVES
from limbeck.recipe import Recipe
from limbeck.tasks.detect.boxes import Annotated, Labelled, truths
from limbeck.training.build import network_kind
from limbeck.training.detect.start import started
from limbeck.training.detect.teacher import HeatTeacher
from limbeck.training.detect.windows import WindowInput
from limbeck.training.export.gate import round_to_half
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.loop import History, fit
from limbeck.training.precision import accelerator_for

BATCH = 8


@dataclass(frozen=True)
class Fitted:
    """A trained detector: its network, folded and rounded, what encodes pictures, and the encoded valid pictures."""

    network: CentreMap
    encoder: LetterboxInput
    history: History
    valid: Letterboxed

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(weight.numel() for weight in self.network.parameters())


def fit_detector(
    recipe: Recipe,
    data: Annotated,
    *,
    start: str | None = None,
    teacher: HeatTeacher | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    report: Callable[[int, float], None] | None = None,
) -> Fitted:
    """Train a detector on ``train``, chosen on ``valid``; the letterbox of the recipe is settled.

    ``start`` is the bundle it begins from, ``teacher`` whose maps the loss ``centre-distil`` learns.

    Raises
    ------
    LimbeckError
        For losses that train no detector, and pictures that can no longer be read.
    """
    for name in recipe.objective.losses:
        if name in OBJECTIVES and not OBJECTIVES[name].boxes:
            raise LimbeckError(f"the loss {name!r} trains no detector", where="objective.losses", fix="use centre")
    train, valid = data.part("train"), data.part("valid")
    encoder = LetterboxInput(recipe.input)
    kind, options = network_kind(recipe)
    torch.manual_seed(recipe.training.seed)
    network = kind(options, encoder, len(data.classes))
    assert isinstance(network, CentreMap)  # it reads detect-image
    if start is not None:
        started(network, start, data.classes)
    network.to(memory_format=torch.channels_last)  # a third faster on a CPU
    rows = encoder.encode([Picture(one.file, name=one.name) for one in valid])
    reader: Any = WindowInput(train, encoder.box, len(data.classes), recipe.training, teacher)
    count = recipe.training.windows.samples
    learner = Learner(network, recipe.objective, reader, data.classes)
    history = fit(
        learner, reader, reader.rows, np.zeros(count, dtype=np.int64), recipe.training,
        partial(_validate, encoder, rows, valid, data.classes), accelerator=accelerator_for(recipe, network),
        folder=checkpoints, fingerprint=_mark(recipe, [*train, *valid]), resume=resume, report=report,
    )  # fmt: skip
    network.cpu().fold()
    round_to_half(network)
    return Fitted(network, encoder, history, rows)


def _validate(
    encoder: LetterboxInput, rows: Letterboxed, valid: list[Labelled], classes: tuple[str, ...], network: Network
) -> dict[str, float]:
    found = coco_metrics(truths(valid), found_in(raw_boxes(network, encoder, rows), rows), classes)
    return {name: float(found[name] or 0.0) for name in ("ap", "ap50")}


@torch.no_grad()
def raw_boxes(network: Network, encoder: LetterboxInput, rows: Letterboxed) -> np.ndarray:
    """Return what a network answers to encoded pictures, float32 [N, K, 6]; see `centre_map.decoded`."""
    network.eval()
    device = next(network.parameters()).device
    out = []
    for at in range(0, len(rows), BATCH):
        pixels = encoder.batch(rows, np.arange(at, min(at + BATCH, len(rows))))["pixels"]
        out.append(network(torch.from_numpy(pixels).to(device)).float().cpu().numpy())
    return np.concatenate(out)


def found_in(raw: np.ndarray, rows: Letterboxed) -> list[Found]:
    """Return the boxes of a network's answer float32 [N, K, 6] in pixels of the pictures."""
    out = []
    for one, scale, size in zip(raw.astype(np.float64), rows.scales, rows.sizes, strict=True):
        out.append(Found(in_picture(one[:, :4], scale, size), one[:, 4], one[:, 5].astype(np.int64)))
    return out


def _mark(recipe: Recipe, pictures: list[Labelled]) -> str:
    """Return what tells runs apart that must not resume each other's checkpoints."""
    text = recipe.model_dump_json() + "".join(one.sha256 + one.boxes.edges.tobytes().hex() for one in pictures)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
