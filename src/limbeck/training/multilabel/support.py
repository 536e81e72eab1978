"""What of a recipe does not go with several labels a row: refused in one line, before any row is read."""

from __future__ import annotations

from collections.abc import Iterator

from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.objectives import OBJECTIVES
from limbeck.recipe import Evaluation, Export, Objective, Recipe, Relevance, Selection, Training
from limbeck.training.distributed.processes import current_process_group
from limbeck.training.fit.at_once import LIBLINEAR

NETWORKS = ("ngram", "textcnn", "gru", "albert", "mlp")  # of texts and tables, with a logit for each label
DISTIL = "distil-multi-label"
LOSSES = ("binary", DISTIL)
SOLVED = ("binary", "hinge")  # by liblinear


def check_support(recipe: Recipe) -> None:
    """Raise for the first key of a recipe that training with several labels a row does not read.

    Raises
    ------
    LimbeckError
        In one line, with the key and what to do.
    """
    for what, fix in _unsupported(recipe):
        raise LimbeckError(what, where="recipe", fix=fix)


def _unsupported(recipe: Recipe) -> Iterator[tuple[str, str]]:
    kind, several = kind_of(recipe.task), "with several labels a row"
    if not kind.offers("baseline", "one_vs_rest"):
        yield f"rows of kind {kind.name!r} cannot have several labels yet", "use texts or tables"
    if recipe.student.network not in NETWORKS:
        known = ", ".join(NETWORKS)
        yield f"student.network = {recipe.student.network!r} cannot be trained {several}", f"use one of {known}"
    losses, solved = set(recipe.objective.losses), recipe.training.optimizer == LIBLINEAR
    if solved and (recipe.student.network != "ngram" or recipe.student.options.get("hidden")):
        yield f"training.optimizer = {LIBLINEAR!r} solves linear n-gram models", "use another optimizer"
    if solved and (len(losses) != 1 or not losses <= set(SOLVED) or recipe.teachers):
        yield (
            f"training.optimizer = {LIBLINEAR!r} learns {several} by one of the losses {', '.join(SOLVED)}, without"
            " teachers", "use one of them, or another optimizer",
        )  # fmt: skip
    if not solved and not losses <= set(LOSSES):
        name = sorted(losses - set(LOSSES))[0]
        yield f"the loss {name!r} is of rows with one label each", f"use {' or '.join(LOSSES)}"
    taught = any(OBJECTIVES[name].taught for name in losses)
    if taught != bool(recipe.teachers):
        missing = f"the loss {DISTIL!r} needs teachers" if taught else f"teachers need the loss {DISTIL!r}"
        yield missing, "name some [[teachers]], or set objective.losses"
    if recipe.training.optimizer != LIBLINEAR and recipe.student.options.get("class_ratio", "off") != "off":
        yield "student.class_ratio wants training.optimizer = 'liblinear'", "set it, or leave student.class_ratio out"
    metrics = ("loss", "macro_f1", "ap")
    if recipe.training.metric not in metrics:
        yield f"training.metric = {recipe.training.metric!r} is not measured {several}", f"use {', '.join(metrics)}"
    rule = recipe.evaluation.threshold
    if rule not in ("macro_f1", "f1") and not isinstance(rule, float):
        yield f"evaluation.threshold {several} is 'f1' of each label, or one number for all", "leave it out"
    if recipe.export.int8 != "never":
        yield f"export.int8 is not measured {several}", "set it to 'never'"
    if current_process_group().size > 1:
        yield f"training {several} runs in one process", "start it without torchrun"
    yield from _changed(recipe, several)


def _changed(recipe: Recipe, several: str) -> Iterator[tuple[str, str]]:
    """Yield keys that are not at their defaults and that nothing here reads."""
    own: tuple[tuple[str, object, object], ...] = (
        ("input.wide", recipe.input.wide, False),
        ("student.init", str(recipe.student.init or "").startswith("bundle:"), False),
        ("student.spectrum", recipe.student.spectrum, False),
        ("objective.class_weights", recipe.objective.class_weights, Objective().class_weights),
        ("objective.label_smoothing", recipe.objective.label_smoothing, 0.0),
        ("relevance", recipe.relevance, Relevance()),
        ("training.unfreeze", recipe.training.unfreeze, Training().unfreeze),
        ("evaluation.leave_out", recipe.evaluation.leave_out, None),
        ("evaluation.attacks", recipe.evaluation.attacks, None),
        ("evaluation.adversary", recipe.evaluation.adversary, None),
        ("evaluation.slices", recipe.evaluation.slices, Evaluation().slices),
        ("export.max_size", recipe.export.max_size, Export().max_size),
        ("export.min_rows_per_second", recipe.export.min_rows_per_second, Export().min_rows_per_second),
        ("selection", recipe.selection.candidates, Selection().candidates),
    )
    for key, value, default in own:
        if value != default:
            yield f"{key} is not supported {several}", "leave it out"
