"""`limbeck train`: recipe and rows in, a finished, evaluated and verified bundle out."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from limbeck.dataset.automatic.limits import Limits, limit
from limbeck.dataset.automatic.understand import understand
from limbeck.dataset.prepare import doubts_of, prepare
from limbeck.errors import LimbeckError
from limbeck.evaluation.baselines import kept_for_baseline
from limbeck.events import Listener, Token, stage, told
from limbeck.files import no_nan
from limbeck.kinds.given.given_rows import rows_given
from limbeck.locks import sole_writer
from limbeck.messages.message import Message, message
from limbeck.model_names import model_path
from limbeck.progress import say
from limbeck.recipe import Recipe, load_recipe, override, with_settings
from limbeck.tasks import task_of
from limbeck.training.build import network_kind, start_of
from limbeck.training.distributed.processes import current_process_group, joined, refuse_unshared, restarted
from limbeck.training.finish import Trained
from limbeck.training.left_out import wish_of
from limbeck.training.make_bundle import make_bundle
from limbeck.training.one_at_a_time import alone
from limbeck.training.pretrain.masked_words import is_pretraining, pretrain
from limbeck.training.search.attempts import Attempts
from limbeck.training.search.candidates import candidates_of, compare
from limbeck.training.warm_start import PREFIX

BUDGET = 300.0  # seconds that rows without a recipe may take where nothing else is said


def work_folder(out: Path) -> Path:
    """Return where a run keeps its checkpoints: hidden, beside its output."""
    return out.with_name(f".{out.name}.training")


def train(
    recipe: str | Path | Recipe | Any,
    *,
    out: str | Path,
    data: str | Path | Any = None,
    label: str | None = None,
    task: str | None = None,
    budget: str | float | None = None,
    size: str | float | None = None,
    rows_per_second: float | None = None,
    start: str | Path | None = None,
    settings: Iterable[str] = (),
    resume: bool = False,
    lang: str = "en",
    progress: Listener | None = None,
    cancel: Token | None = None,
) -> Trained:
    """Train the recipe's student, evaluate it once on ``test``, and export it through the gate.

    Processes that torchrun has started share the work, end with the same weights and return the same; once one was
    lost and torchrun has started them anew, they go on from the checkpoint.

    Parameters
    ----------
    recipe
        A TOML file, or a `Recipe` already read; or rows without one, for which a recipe is made: a table, a folder of
        pictures or records, a frame of polars or pandas, or a list of dictionaries. See
        `limbeck.dataset.automatic.understand`.
    data
        Folder that the recipe's data paths are relative to; by default the recipe's own. Or rows that stand for
        ``data.train``.
    label
        Column of the label, where rows are given without a recipe; found where it is plain.
    task
        ``"anomaly"``, where rows are given without a recipe and only normal ones are known.
    budget
        Seconds, or ``"90s"``, ``"5m"``, ``"1h"``: how long rows without a recipe may take; by default five minutes.
    size
        Bytes, or ``"500KB"``, ``"5MB"``, that the bundle of rows without a recipe may have; ``export.max_size`` of one.
    rows_per_second
        Rows that one core has to answer in a second; ``export.min_rows_per_second`` of a recipe.
    start
        A bundle, or its name in the registry, from whose weights and encoder the student begins; it stands for
        ``student.init = "bundle:…"``. Classes, network and input have to be those of the recipe.
    settings
        ``section.key=value`` overrides.
    resume
        Go on from the checkpoint that a killed run left; on a CPU the result is the same, bit for bit.
    progress
        Called with each `limbeck.events.Event` of the run; nothing is written to stderr then. What it raises ends the
        run.
    cancel
        Stops the run at its next safe point: a training step, whose checkpoint ``resume`` goes on from.

    Raises
    ------
    Cancelled
        When ``cancel`` stopped it.
    LimbeckError
        For whatever the user can fix: the recipe, the rows, the disk, another process that writes ``out``. An earlier
        bundle at ``out`` stays as it was.
    """
    with told(progress, cancel), alone(), joined():
        return _train(
            recipe,
            out,
            data,
            Wish(label, task, budget, size, rows_per_second),
            start,
            settings,
            resume or restarted(),
            lang,
        )


def _train(
    recipe: Any,
    out: str | Path,
    data: Any,
    wish: Wish,
    start: str | Path | None,
    settings: Iterable[str],
    resume: bool,
    lang: str,
) -> Trained:
    parsed, home, memory, told = _recipe_and_rows(recipe, data, wish, settings)
    if start is not None:
        parsed = override(parsed, {"student.init": f"{PREFIX}{model_path(start).resolve()}"})
    refuse_unshared(parsed)
    target, folder = Path(out), None if data is None or memory is not None else Path(data)
    if not target.name or target.name == "..":  # "." and the like: the work is done beside it, under its name
        target = target.resolve()
    refuse_foreign(target)
    refuse_unwritable(target)
    if folder is not None and not folder.is_dir():
        raise LimbeckError("there is no such folder", where=folder, fix="check --data")
    with sole_writer(target) if current_process_group().is_main else contextlib.nullcontext():
        return _trained(parsed, home, target, folder, memory, told, resume, lang)


@dataclass(frozen=True)
class Wish:
    """What is said of rows that come without a recipe; see `train`."""

    label: str | None = None
    task: str | None = None
    budget: str | float | None = None
    size: str | float | None = None
    rows_per_second: float | None = None


# The key of a recipe that says the same as an argument for rows without one.
_KEYS = {
    "label": "task.label", "budget": "selection.budget", "size": "export.max_size",
    "rows_per_second": "export.min_rows_per_second",
}  # fmt: skip


def _recipe_and_rows(
    recipe: Any, data: Any, wish: Wish, settings: Iterable[str]
) -> tuple[Recipe, Path | None, pl.DataFrame | None, list[Message]]:
    """Return the recipe, its folder, rows in memory, and what was decided where there was no recipe."""
    rows = rows_given(recipe) if not isinstance(recipe, Recipe) else None
    if rows is not None or is_rows(recipe):
        if data is not None:
            raise LimbeckError("rows are given twice", where="train", fix="leave data out, or give a recipe first")
        found = understand(Path(recipe) if rows is None else rows, label=wish.label, task=wish.task)
        for line in found.lines:
            say(line)
        limit(found, Limits(BUDGET if wish.budget is None else wish.budget, wish.size, wish.rows_per_second))
        return with_settings(found.recipe, settings), found.folder, rows, found.lines
    for name, value in vars(wish).items():
        if value is not None:
            fix = f"set {_KEYS[name]} in the recipe" if name in _KEYS else "set it in the recipe"
            raise LimbeckError(f"{name} is for rows without a recipe", where="train", fix=fix)
    memory = None if data is None else rows_given(data)
    if isinstance(recipe, Recipe):
        return with_settings(recipe, settings), None, memory, []
    return load_recipe(Path(recipe), settings), Path(recipe).resolve().parent, memory, []


def is_rows(recipe: Any) -> bool:
    """Return whether a path is that of rows and not of a recipe: anything but a TOML file."""
    return isinstance(recipe, str | os.PathLike) and Path(recipe).suffix.lower() != ".toml"


def _trained(
    parsed: Recipe, home: Path | None, target: Path, folder: Path | None, memory: pl.DataFrame | None,
    told: list[Message], resume: bool, lang: str,
) -> Trained:  # fmt: skip
    """Train with the lock on the output held: nobody else touches its checkpoints, or what a killed run left."""
    if (own := task_of(parsed.task).verb("train")) is not None:
        network_kind(parsed)
        trained: Trained = own(
            parsed, home=home, out=target, folder=folder, memory=memory, resume=resume, lang=lang, told=told
        )  # fmt: skip
        return trained
    if is_pretraining(parsed):
        pretrain(parsed, out=target, folder=folder, home=home, memory=memory, resume=resume)
        return Trained(target, {}, [], [], "valid")
    for one in candidates_of(parsed).values():
        start_of(one, [folder, home], quiet=True)
    network_kind(parsed)  # before rows are read and teachers asked, which may take long
    start_of(parsed, [folder, home], quiet=True)
    with stage("read"):
        rows = prepare(parsed, folder, recipe_folder=home, memory=memory)
    doubts = [message("data.resize", what=what, fix=fix) for what, fix in doubts_of(parsed, rows)]
    rows = replace(rows, findings=[*rows.findings, *doubts])
    for finding in rows.findings:
        say(finding)
    rows = replace(rows, findings=[*told, *rows.findings])
    work, comparison = work_folder(target), None
    process_group = current_process_group()
    if parsed.selection.candidates:
        with stage("compare"):
            comparison = compare(parsed, rows, [folder, home])
    attempts = Attempts(parsed, comparison)
    wish_of(attempts.recipe, rows)  # raises before the training
    if not resume and process_group.is_main:
        shutil.rmtree(work, ignore_errors=True)
    baseline = process_group.is_main and parsed.evaluation.baseline
    with kept_for_baseline(parsed.task) if baseline else contextlib.nullcontext():
        made = make_bundle(attempts, rows, target, folders=[folder, home], work=work, resume=resume, lang=lang)
    if process_group.is_main:
        shutil.rmtree(work, ignore_errors=True)
    return shared(made, target)


def shared(trained: Trained | None, target: Path) -> Trained:
    """Return what rank 0 made, in every process."""
    facts = current_process_group().broadcast_json(trained and no_nan({**asdict(trained), "bundle": ""}))
    return trained or Trained(**{**facts, "bundle": target})


def refuse_foreign(target: Path) -> None:
    """Raise where something stands that is neither a bundle nor a start: it would be replaced."""
    if not target.exists():
        return
    entries = [entry.name for entry in target.iterdir()] if target.is_dir() else ["a file"]
    if entries and "bundle.json" not in entries and "config.json" not in entries:
        raise LimbeckError("is there already, and is no bundle", where=target, fix="choose another --out")


def refuse_unwritable(target: Path) -> None:
    """Raise where nothing could be written in the end: better before the training than after it."""
    above = next(place for place in (target.absolute(), *target.absolute().parents) if place.exists())
    if not above.is_dir():
        raise LimbeckError("is a file, and a folder is wanted", where=above, fix="choose another --out")
    if not os.access(above, os.W_OK | os.X_OK):
        raise LimbeckError("nothing may be written here", where=above, fix="choose another --out")
