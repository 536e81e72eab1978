"""From rows with several labels to a trained network, its calibration and its thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.data.tables.rows import text_column
from limbeck.errors import LimbeckError
from limbeck.events import stage
from limbeck.kinds.select import RowInput, Rows, encode, values_of
from limbeck.metrics.curves import average_precision
from limbeck.metrics.logits import sigmoid
from limbeck.metrics.multilabel import f1_scores
from limbeck.networks import Network
from limbeck.networks.text.ngram import Ngram
from limbeck.recipe import Recipe, Split
from limbeck.training.build import build, start_of, with_stop_words
from limbeck.training.distill.targets import Targets
from limbeck.training.export.gate import logits_of, round_to_half
from limbeck.training.fit.at_once import LIBLINEAR
from limbeck.training.fit.epoch_rows import epoch_rows, with_target
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.loop import History, fit
from limbeck.training.multilabel.settle import Settled, settle
from limbeck.training.multilabel.solve import left_out, solve
from limbeck.training.precision import accelerator_for
from limbeck.training.student import fingerprint, told_apart

FEWEST = 20  # rows under which nothing is solved in folds


@dataclass(frozen=True)
class Fitted:
    """A trained network with all that its export needs; ``crossed`` says that every row it learned was settled on."""

    network: Network
    encoder: RowInput
    settled: Settled
    history: History
    valid_rows: Rows
    crossed: bool = False

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.network.parameters())


def fit_labels(
    recipe: Recipe, data: Dataset, names: tuple[str, ...], truth: NDArray[np.float32], *, folders: list[Path | None],
    targets: Targets | None = None, checkpoints: Path | None = None, resume: bool = False,
) -> Fitted:  # fmt: skip
    """Train on ``train``, choose the epoch, calibrate and set thresholds on ``valid``; ``test`` is not touched.

    A linear n-gram model that is solved at once is calibrated on rows left out of train and valid in turn, and then
    learns both; without test rows valid stays out, for it is evaluated then.

    Parameters
    ----------
    names, truth
        L labels, and float32 [N, L] of all rows, NaN in those without a label.
    targets
        What teachers say: rows to learn from, and answers float32 [n, L].

    Raises
    ------
    LimbeckError
        For no valid rows, and what `limbeck.training.build.build` refuses.
    """
    valid = data.part("valid")
    if not len(valid):
        what = "there are no valid rows with labels to choose thresholds on"
        raise LimbeckError(what, where="data", fix="set data.split, or label some rows")
    train = data.part("train") if targets is None else targets.rows
    recipe = with_stop_words(recipe, folders)
    values = values_of(data.frame[train], recipe.task)
    with stage("prepare"):
        network, encoder = build(recipe, values, names, start_of(recipe, folders))
        network.independent()
    valid_rows = encode(encoder, values_of(data.frame[valid], recipe.task))
    if recipe.training.optimizer == LIBLINEAR and isinstance(network, Ngram):
        with stage("fit"):
            settled, crossed = _solved(network, encoder, recipe, data, truth, valid_rows)
        return Fitted(network, encoder, settled, History(), valid_rows, crossed)
    history = _stepped(recipe, data, names, truth, network, encoder, values, train, valid_rows, folders, targets,
                       checkpoints, resume=resume)  # fmt: skip
    settled = settle(logits_of(network, encoder, valid_rows), truth[valid], recipe)
    return Fitted(network, encoder, settled, history, valid_rows)


def _solved(
    network: Ngram, encoder: RowInput, recipe: Recipe, data: Dataset, truth: NDArray[np.float32], valid_rows: Rows
) -> tuple[Settled, bool]:
    rows = data.part("train")
    learned = rows if not len(data.part("test")) else np.sort(np.concatenate([rows, data.part("valid")]))
    encoded: Any = encode(encoder, values_of(data.frame[learned], recipe.task))
    groups = _groups(recipe, data, learned)
    crossed = len(learned if groups is None else np.unique(groups)) >= FEWEST
    settled = None
    if crossed:
        scores = left_out(network, encoded, truth[learned], data.labels[learned], recipe, groups)
        settled = settle(scores, truth[learned], recipe)
    if settled is None:
        seen: Any = encode(encoder, values_of(data.frame[rows], recipe.task))
        solve(network, seen, truth[rows], recipe)
        settled = settle(logits_of(network, encoder, valid_rows), truth[data.part("valid")], recipe)
    solve(network, encoded, truth[learned], recipe)
    network.fold()
    round_to_half(network)
    return settled, crossed


def _groups(recipe: Recipe, data: Dataset, rows: NDArray[np.int64]) -> NDArray[Any] | None:
    wish = recipe.data.split
    column = (wish.group if isinstance(wish, Split) else None) or recipe.evaluation.group
    if column is None or column not in data.frame.columns:
        return None
    return np.array(text_column(data.frame[column])[rows].fill_null("").to_list())


def _stepped(
    recipe: Recipe, data: Dataset, names: tuple[str, ...], truth: NDArray[np.float32], network: Network,
    encoder: RowInput, values: Any, train: NDArray[np.int64], valid_rows: Rows, folders: list[Path | None],
    targets: Targets | None, checkpoints: Path | None, *, resume: bool,
) -> History:  # fmt: skip
    valid = data.part("valid")
    learner = Learner(network, recipe.objective, encoder, names)
    rows, labels = epoch_rows(recipe, encoder, values, truth[train], folders)
    if targets is not None:
        rows = partial(with_target, rows, targets.answers, None)
    network.fit_start(rows(0))
    wanted = truth[valid] == 1

    def validate(network: Network) -> dict[str, float]:
        return label_scores(wanted, logits_of(network, encoder, valid_rows))

    keys = [*told_apart(data.frame[train], recipe), *told_apart(data.frame[valid], recipe)]
    mark = fingerprint(recipe, keys, np.concatenate([labels, truth[valid]]))
    with stage("fit"):
        history = fit(
            learner, encoder, rows, labels, recipe.training, validate, accelerator=accelerator_for(recipe, network),
            folder=checkpoints, fingerprint=mark, resume=resume,
        )  # fmt: skip
    network.cpu().fold()
    round_to_half(network)
    return history


def label_scores(wanted: NDArray[np.bool_], logits: NDArray[np.floating]) -> dict[str, float]:
    """Return the scores of an epoch: binary cross-entropy, macro-F1 at 0.5 and mean average precision."""
    odds = np.asarray(logits, dtype=np.float64)
    loss = float((np.logaddexp(0.0, odds) - wanted * odds).mean())
    found = [average_precision(wanted[:, at], odds[:, at]) for at in np.flatnonzero(wanted.any(axis=0))]
    macro = f1_scores(wanted, sigmoid(odds) >= 0.5)[1]
    return {
        "loss": loss,
        "macro_f1": macro if np.isfinite(macro) else 0.0,
        "ap": float(np.mean([one for one in found if one is not None])) if found else 0.0,
    }
