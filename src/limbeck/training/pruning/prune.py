"""Structured pruning: cut out hidden units, channels or heads that matter least, and let the rest learn again.

Each layer loses the same share. The smaller network starts from the weights that are left and learns from what the
whole one learned from, and from its answers (Hinton et al. 2015). It is kept where its macro-F1 on valid is hardly
lower; int8 has a gate like that.
"""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from limbeck.errors import LimbeckError
from limbeck.kinds.select import RowInput, Rows, batch_of
from limbeck.kinds.text.encoding.ragged import batches
from limbeck.messages.message import Message, message
from limbeck.metrics.logits import softmax
from limbeck.networks import Network
from limbeck.networks.text.wide_deep import WideNetwork
from limbeck.networks.units import Units, without
from limbeck.objectives import Step
from limbeck.objectives.distil import divergence
from limbeck.progress import say
from limbeck.recipe import Objective, Recipe
from limbeck.training.export.gate import logits_of
from limbeck.training.export.onnx_model import Answering, to_onnx
from limbeck.training.export.timed_answers import onnx_answers
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.loop import fit
from limbeck.training.fit.validation_scores import scores_of
from limbeck.training.pruning.importance import most_important

MOST_LOST = 0.01  # of macro-F1 on valid
_TEMPERATURE = 2.0  # at which the whole network's answers are learned
_COMPARED, _RUNS = 1000, 3  # rows whose answers are timed, and how often


@dataclass(frozen=True)
class Pruning:
    """What pruning did: weights, macro-F1 and rows' labels before and after, and how much faster the answers are."""

    share: float
    weights_before: int
    weights: int
    macro_f1_before: float
    macro_f1: float
    agreement: float
    speed: float
    kept: bool

    @property
    def message(self) -> Message:
        """What was done, in one line."""
        return message("export.pruned" if self.kept else "export.not_pruned", **asdict(self), most=MOST_LOST)


class TaughtLearner(Learner):
    """A pruned network with the recipe's losses, that learns from the answers of the whole one too."""

    def __init__(
        self, network: Network, whole: Network, objective: Objective, encoder: RowInput, classes: tuple[str, ...]
    ) -> None:
        super().__init__(network, objective, encoder, classes)
        self._whole = [whole.eval()]  # in a list, so that it is no part of this module and does not train

    def summed(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the recipe's weighted losses and the divergence from the whole network's answers, and each by name."""
        total, parts = super().summed(step)
        with torch.no_grad():
            told = _answers(self._whole[0], step.arrays)
        taught = divergence(told.float(), step.logits.float(), _TEMPERATURE)
        return total + taught, {**parts, "pruned": taught.detach()}


def _answers(network: Network, arrays: dict[str, Tensor]) -> Tensor:
    """Return the logits of a network in evaluation, to the arrays of training."""
    if isinstance(network, WideNetwork):
        logits: Tensor = network.deep(*(arrays[name] for name in network.deep.arrays)) + arrays["offset"]
    else:
        logits = network(*(arrays[name] for name in network.arrays))
    return logits


def check_prunable(recipe: Recipe, network: Network) -> None:
    """Raise where the recipe prunes a network that has no units to cut out."""
    if recipe.export.prune and not network.prunable_units():
        what = f"the network {recipe.student.network!r} cannot be pruned"
        fix = "leave export.prune out, or use gru, textcnn, albert, squeezenet or multiscale"
        raise LimbeckError(what, where="export.prune", fix=fix)


def prune(
    recipe: Recipe, learner: Learner, encoder: RowInput, rows: Callable[[int], Rows], labels: np.ndarray,
    classes: tuple[str, ...], valid: tuple[Rows, np.ndarray], validate: Callable[[Network], dict[str, float]],
    ready: Callable[[Learner], None], accelerator: Accelerator,
) -> tuple[Network, Pruning]:  # fmt: skip
    """Return the pruned network and what pruning did; the whole one where too much would be lost.

    Parameters
    ----------
    learner
        The trained network with its losses.
    valid
        Encoded rows and labels int64 [N] by which the networks are compared.
    ready
        Shows the training rows to the losses of a new learner.
    """
    whole, share = learner.network, recipe.export.prune
    groups = whole.prunable_units()
    say(f"pruning {share:.0%} of {sum(group.count for group in groups):,} units")
    kept = most_important(learner, groups, encoder, rows(0), labels, share, recipe.training)
    small = cut(whole, groups, kept)
    taught = TaughtLearner(small, whole, recipe.objective, encoder, classes)
    ready(taught)
    settings = recipe.training.model_copy(update={"epochs": max(2, math.ceil(recipe.training.epochs / 2))})
    fit(taught, encoder, rows, labels, settings, validate, accelerator=accelerator)
    before, after = (logits_of(network, encoder, valid[0]) for network in (whole, small))
    f1 = [scores_of(valid[1], softmax(logits), 1)["macro_f1"] for logits in (before, after)]
    seconds = _seconds([whole, small], encoder, valid[0])
    done = Pruning(
        share=share, weights_before=_count(whole), weights=_count(small), macro_f1_before=f1[0], macro_f1=f1[1],
        agreement=float((before.argmax(axis=1) == after.argmax(axis=1)).mean()), speed=seconds[0] / seconds[1],
        kept=f1[1] >= f1[0] - MOST_LOST,
    )  # fmt: skip
    say(done.message)
    return (small if done.kept else whole), done


def cut(network: Network, groups: list[Units], kept: dict[str, Tensor]) -> Network:
    """Return a copy of a network that has the kept units of each group alone."""
    small = copy.deepcopy(network)
    small.keep_units({name: len(units) for name, units in kept.items()})
    small.load_state_dict(without(network.state_dict(), groups, kept))
    return small.eval()


def _seconds(networks: list[Network], encoder: RowInput, rows: Rows) -> list[float]:
    """Return how long onnxruntime takes to answer some rows, on one thread, with each network."""
    rows = rows.take(np.linspace(0, len(rows) - 1, min(len(rows), _COMPARED)).astype(np.int64))
    feeds = [batch_of(encoder, rows, part) for part in batches(rows.lengths, tokens=4096, most=32)]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{at}.onnx") for at in range(len(networks))]
        for network, file in zip(networks, files, strict=True):
            answering = Answering(copy.deepcopy(network).cpu().eval(), 1.0).eval()
            file.write_bytes(to_onnx(answering, encoder, rows).SerializeToString())
        taken = [[onnx_answers(file, feeds)[1] for file in files] for _ in range(_RUNS)]
    return [min(times) for times in zip(*taken, strict=True)]


def _count(network: Network) -> int:
    return sum(weight.numel() for weight in network.parameters())
