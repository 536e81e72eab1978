"""Whether a recipe is sound in itself, and can be carried out on these rows and this machine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from limbeck import relevance
from limbeck.data.tables.read import need
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds import kind_of
from limbeck.objectives import OBJECTIVES, viewed
from limbeck.recipe import Recipe
from limbeck.tasks import task_of
from limbeck.teachers import TEACHERS, scenarios
from limbeck.training.build import network_kind, positive_index
from limbeck.training.distill import trained_teacher as firsts
from limbeck.training.doctor.case import Case
from limbeck.training.doctor.finding import Finding, attempt, refused
from limbeck.training.fit.views import check_views
from limbeck.training.precision import accelerator_for, bf16_pays
from limbeck.training.pretrain.masked_words import is_pretraining
from limbeck.training.search.candidates import candidates_of

FEW = 50  # valid rows under which the choice of an epoch is mostly chance


def check_recipe(recipe: Recipe) -> Iterator[Finding]:
    """Yield names in the recipe that stand for nothing."""
    faults = list(_unknown(recipe))
    yield from faults
    if not faults:
        losses, teachers = ", ".join(recipe.objective.losses), ", ".join(spec.name for spec in recipe.teachers)
        what = f"student: {recipe.student.network}; losses: {losses}; teachers: {teachers or 'none'}"
        yield Finding("ok", "recipe", what)
        if recipe.selection.candidates:
            names = ", ".join(recipe.selection.candidates)
            what = f"candidates to be compared: {names}; the checks below are those of the recipe without them"
            yield Finding("ok", "recipe", what)


def _unknown(recipe: Recipe) -> Iterator[Finding]:
    try:
        network_kind(recipe)
        candidates_of(recipe)
    except LimbeckError as error:
        yield refused("recipe", error)
    for name in recipe.objective.losses:
        if name not in OBJECTIVES:
            what = f"recipe: unknown loss {name!r} in objective.losses"
            yield Finding("error", "recipe", what, did_you_mean(name, OBJECTIVES))
    for spec in recipe.teachers:
        kind = spec.source.partition(":")[0]
        made_here = [scenarios.KIND.rstrip(":"), firsts.KIND.rstrip(":")]
        if kind not in TEACHERS and kind not in ("https", *made_here):
            hint = did_you_mean(kind, [*TEACHERS, *made_here])
            yield Finding("error", "recipe", f"teacher {spec.name!r}: unknown kind {kind!r}", hint)
    names = [spec.name for spec in recipe.teachers]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Finding("error", "recipe", f"two teachers are named {name!r}", "name each once")
    methods = {*relevance.METHODS, "joint"}
    if recipe.teachers and recipe.relevance.method not in methods:
        what = f"unknown relevance.method {recipe.relevance.method!r}"
        yield Finding("error", "recipe", what, did_you_mean(recipe.relevance.method, methods))
    kinds = [OBJECTIVES[name] for name in recipe.objective.losses if name in OBJECTIVES]
    if not recipe.teachers and any(kind.taught or kind.guided for kind in kinds):
        yield Finding("error", "recipe", "a distillation loss needs teachers", "name some [[teachers]]")
    if task_of(recipe.task).detects:
        return
    if kinds and not is_pretraining(recipe) and not any(kind.taught or kind.labelled for kind in kinds):
        what = f"{' and '.join(map(repr, recipe.objective.losses))} alone: nothing here tells the classes apart"
        yield Finding("error", "recipe", what, "add hard = 1.0, or with teachers distil = 1.0")
    if viewed(recipe.objective.losses):
        yield from _changes(recipe)


def _changes(recipe: Recipe) -> Iterator[Finding]:
    try:
        check_views(recipe)
    except LimbeckError as error:
        yield refused("recipe", error)


def check_training(case: Case, teachers: int | None) -> Iterator[Finding]:
    """Yield what keeps the student from being run, chosen and measured; ``teachers`` is None where one did not open."""
    recipe, rows = case.recipe, case.rows
    faults = [*attempt("training", _device(recipe)), *_teaching(case, teachers)]
    if rows is None:
        yield from faults
        yield Finding("warn", "training", "valid rows and metric not checked: the rows cannot be read")
        return
    faults += [*_choosing(case), *attempt("training", _judging(case))]
    yield from faults
    if not any(fault.level == "error" for fault in faults):
        settings, count = recipe.training, len(case.learned) * recipe.training.augment.copies
        steps = -(-count // (settings.batch_size * settings.accumulate))
        what = f"at most {settings.epochs} epochs of {steps:,} steps over {count:,} rows, chosen by {settings.metric}"
        yield Finding("ok", "training", what)


def _device(recipe: Recipe) -> Iterator[Finding]:
    try:
        kind, _ = network_kind(recipe)
    except LimbeckError:
        return  # said already
    accelerator_for(recipe, kind)
    if recipe.training.precision == "bf16" and not bf16_pays(recipe.training, kind):
        what = f"training.precision is 'bf16', which does not pay for {recipe.student.network!r} on this machine"
        yield Finding("warn", "training", what, "set training.precision = 'auto'")


def _teaching(case: Case, teachers: int | None) -> Iterator[Finding]:
    if case.cold and teachers == 1:
        what = "one teacher and no labels: nothing here can tell how far it is right"
        yield Finding("error", "training", what, "name two or more, or label some rows")
    if case.cold and not case.recipe.teachers and not is_pretraining(case.recipe):
        yield Finding("error", "training", "no row has a label, and there is no teacher", "name some [[teachers]]")


def _choosing(case: Case) -> Iterator[Finding]:
    """Yield what stands in the way of choosing the best epoch on valid."""
    recipe, rows = case.recipe, case.rows
    assert rows is not None
    valid, metric = rows.part("valid"), recipe.training.metric
    if is_pretraining(recipe):
        if metric != "loss":
            what = f"training.metric = {metric!r} needs labels, and no loss of this recipe uses any"
            yield Finding("error", "training", what, "set training.metric = 'loss'")
        return
    if case.cold and recipe.teachers:
        return  # rows held back from the unlabelled ones, with the teachers' answer, choose
    if not len(valid):
        yield Finding("error", "training", "there are no valid rows to choose the student on", "set data.split")
    elif len(valid) < FEW:
        what = f"only {len(valid)} valid rows choose the epoch, the temperature and the threshold"
        yield Finding("warn", "training", what, "give valid more rows (data.split)")
    if metric == "roc_auc" and (len(rows.classes) != 2 or len(np.unique(rows.labels[valid])) != 2):
        what = "training.metric = 'roc_auc' cannot be computed on these valid rows: it needs two classes, both there"
        yield Finding("error", "training", what, "use one of loss, accuracy, macro_f1")


def _judging(case: Case) -> Iterator[Finding]:
    """Yield what would stop the evaluation, hours later."""
    recipe, rows = case.recipe, case.rows
    assert rows is not None
    settings = recipe.evaluation
    if is_pretraining(recipe):
        return
    if not len(rows.part("test")):
        what = "there are no test rows: the figures will be those of valid, on which the student is chosen"
        yield Finding("warn", "training", what, "set data.test or data.split")
    positive_index(recipe, rows.classes)
    species = settings.attacks.species if settings.attacks else None
    if species is not None and species not in rows.frame.columns:
        what = f"there is no column {species!r} (evaluation.attacks.species): all attacks will count as one species"
        yield Finding("warn", "training", what, did_you_mean(species, rows.frame.columns))
    if (kind := kind_of(recipe.task)).has("added_rows"):
        kind.load("added_rows").check_added(recipe, rows.classes)
    need(rows.frame.columns, [*settings.slices, *([settings.group] if settings.group else [])], "the data")
