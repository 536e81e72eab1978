"""Domain pre-training: a student's trunk learns from unlabelled rows, and becomes a start for another recipe."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import torch

from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.events import stage
from limbeck.files import whole_folder
from limbeck.kinds.select import batch_of, encode
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.ragged import batches
from limbeck.networks import Network
from limbeck.objectives import OBJECTIVES
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.tasks import task_of
from limbeck.training.build import build, start_of
from limbeck.training.distributed.processes import current_process_group
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.loop import fit
from limbeck.training.precision import accelerator_for
from limbeck.training.pretrained_tokenizer import save_pretrained
from limbeck.training.student import fingerprint
from limbeck.training.warm_start import refuse_bundle


def is_pretraining(recipe: Recipe) -> bool:
    """Return whether no loss of the recipe tells classes apart, so that there is no classifier to make."""
    if task_of(recipe.task).detects:
        return False  # a detector needs none that does
    known = [OBJECTIVES[name] for name in recipe.objective.losses if name in OBJECTIVES]
    return bool(known) and not any(loss.labelled or loss.taught or loss.guided or loss.viewed for loss in known)


def pretrain(
    recipe: Recipe, *, out: Path, folder: Path | None, home: Path | None, memory: pl.DataFrame | None, resume: bool
) -> None:
    """Train on the texts of ``train`` and ``unlabelled``; write a Hugging Face directory for ``student.init``.

    Texts of ``valid`` choose the best epoch by their loss; texts of ``test`` are never read.
    """
    if recipe.training.metric != "loss":
        what = f"training.metric = {recipe.training.metric!r} needs labels, and no loss of this recipe uses any"
        raise LimbeckError(what, where="recipe", fix="set training.metric = 'loss'")
    with stage("read"):
        rows = prepare(recipe, folder, recipe_folder=home, memory=memory)
    for finding in rows.findings:
        say(finding)
    chosen = np.concatenate([rows.part("train"), rows.part("unlabelled")])
    texts = [rows.texts[index] for index in chosen]
    folders = [folder, home]
    start = start_of(recipe, folders)
    refuse_bundle(start, "pre-training")
    network, encoder = build(recipe, texts, rows.classes, start)
    accelerator = accelerator_for(recipe, network)
    learner = Learner(network, recipe.objective, encoder, rows.classes)
    encoded = encode(encoder, texts)
    held_texts = [rows.texts[index] for index in rows.part("valid")]
    held = encode(encoder, held_texts)
    labels = np.full(len(texts), -1, dtype=np.int64)

    @torch.no_grad()
    def validate(network: Network) -> dict[str, float]:
        # The same places are hidden each time, so that epochs can be compared.
        torch.manual_seed(0)
        device = next(network.parameters()).device
        total = 0.0
        for part in batches(held.lengths, tokens=8192, most=256):
            arrays = {name: torch.from_numpy(array).to(device) for name, array in batch_of(encoder, held, part).items()}
            loss, _ = learner(arrays, torch.full((len(part),), -1, device=device), None, 0)
            total += float(loss) * len(part)
        return {"loss": total / len(held)}

    work = out.with_name(f".{out.name}.training")
    process_group = current_process_group()
    if not resume and process_group.is_main:
        shutil.rmtree(work, ignore_errors=True)
    with stage("fit"):
        fit(
            learner,
            encoder,
            lambda epoch: encoded,
            labels,
            recipe.training,
            validate,
            accelerator=accelerator,
            folder=work,
            fingerprint=fingerprint(recipe, [*texts, *held_texts], labels),
            resume=resume,
        )
    if not process_group.is_main:
        return
    with whole_folder(out) as made:
        save_pretrained(network.cpu(), cast(TextInput, encoder), made)  # the loss reads no other
    shutil.rmtree(work, ignore_errors=True)
    say(f"pre-trained on {len(texts):,} texts: use it with --set student.init={out}")
