"""From prepared rows to a bundle that holds the limits of its recipe: train, settle, export, and again if need be."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from limbeck.data.dataset import Dataset
from limbeck.events import stage
from limbeck.recipe import Recipe
from limbeck.training.distill.distill import distil
from limbeck.training.distill.targets import Distilled, Targets
from limbeck.training.distributed.processes import current_process_group
from limbeck.training.finish import Trained, finish
from limbeck.training.left_out import by_rows, left_out, settled, wish_of
from limbeck.training.limits import TooLargeError, smallest_form
from limbeck.training.search.attempts import Attempts
from limbeck.training.student import Student, train_student


def make_bundle(
    attempts: Attempts, rows: Dataset, target: Path, *, folders: list[Path | None], work: Path, resume: bool, lang: str
) -> Trained | None:
    """Train what is to be tried, one after the other, until a bundle holds the limits; None in ranks above 0.

    ``work`` holds the checkpoints of the first attempt.

    Raises
    ------
    LimbeckError
        When nothing that was tried holds them.
    """
    while True:
        recipe, limited = attempts.recipe, attempts.recipe.export.limited
        wish = wish_of(recipe, rows)
        taught = None
        if recipe.teachers:
            with stage("teachers"):
                taught = _taught(recipe, rows, folders)
        student = train_student(
            recipe, rows, folders=folders, checkpoints=work if attempts.first else None,
            targets=taught.targets if taught else None, resume=resume and attempts.first,
        )  # fmt: skip
        if limited and not _held(attempts, rows, student):
            continue
        if wish is not None:
            held = (
                by_rows(recipe, rows, wish, folders, attempts.choice.answers if attempts.choice else None)
                if wish.group is None
                else left_out(recipe, rows, wish, partial(_again, recipe, folders))
            )
            student = settled(recipe, rows, student, held)
        if not current_process_group().is_main:
            return None
        done = partial(
            finish, rows=rows, student=student, out=target, trust=taught.trust if taught else None, lang=lang
        )
        if not limited:
            return done(recipe, choice=attempts.choice)
        while True:
            try:
                return done(attempts.recipe, choice=attempts.choice, limits=attempts)
            except TooLargeError as error:  # with its report
                assert attempts.measured is not None
                attempts.report += error.measured.size - attempts.measured.size
            if not _held(attempts, rows, student):
                break


def _held(attempts: Attempts, rows: Dataset, student: Student) -> bool:
    """Return whether the student holds the limits in some form; note it, or go on to the next attempt."""
    with stage("export"):
        form, measured = smallest_form(attempts.recipe, rows, student, attempts.report)
    if measured.excess(form.export) > 1:
        attempts.reject(measured)
        return False
    attempts.accept(form, measured)
    return True


def _again(recipe: Recipe, folders: list[Path | None], rows: Dataset) -> Student:
    """Train the recipe's student on rows of which some are left out, teachers that are trained first too."""
    targets = _taught(recipe, rows, folders).targets if recipe.teachers else None
    return train_student(recipe, rows, folders=folders, targets=targets)


def _taught(recipe: Recipe, rows: Dataset, folders: list[Path | None]) -> Distilled:
    """Let rank 0 ask the teachers, and broadcast what they say."""
    process_group = current_process_group()
    if process_group.size == 1:
        return distil(recipe, rows, folders=folders)
    found = distil(recipe, rows, folders=folders) if process_group.is_main else None
    content = process_group.broadcast(found.targets.to_bytes() if found else b"")
    return found or Distilled(Targets.from_bytes(content), {})
