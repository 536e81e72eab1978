"""Whether the files are there that training opens late: after the rows were read and the teachers asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from limbeck.kinds.text.augment import Augmenter
from limbeck.recipe.paths import find, needed
from limbeck.training.distill.fuse_answers import reviewed_rows
from limbeck.training.doctor.case import Case
from limbeck.training.doctor.finding import Finding, attempt


def check_files(case: Case) -> Iterator[Finding]:
    """Yield files of synonyms, of translators and of reviewed labels that are missing or cannot be used."""
    yield from attempt("recipe", _synonyms(case))
    yield from _translators(case)
    if case.recipe.teachers and case.recipe.relevance.reviewed:
        yield from attempt("teachers", _reviewed(case, case.recipe.relevance.reviewed))


def _synonyms(case: Case) -> Iterator[Finding]:
    settings = case.recipe.training.augment
    words = Augmenter(settings, case.folders, 0).synonyms
    if words:
        yield Finding("ok", "recipe", f"training.augment.synonym_file: {len(words):,} words have synonyms")


def _translators(case: Case) -> Iterator[Finding]:
    key, models = "training.augment.back_translation", case.recipe.training.augment.back_translation
    if models and len(models) != 2:
        yield Finding("error", "recipe", f"{key} names {len(models)} models", "name two: there, and back")
    for model in models:
        if find(model, [*case.folders, Path()]) is None:
            what = f"{key}: {model!r} is no folder here; it is taken for an id of the hub: not fetched, not checked"
            yield Finding("warn", "recipe", what, "check the path if it is meant to be a folder")


def _reviewed(case: Case, place: str) -> Iterator[Finding]:
    file = needed(place, case.folders, "relevance.reviewed")
    if case.rows is None:
        return
    found, _ = reviewed_rows(str(file), case.recipe, case.rows, case.asked)
    if len(found):
        yield Finding("ok", "teachers", f"relevance.reviewed: {len(found):,} of the rows to learn from are reviewed")
    else:
        what = f"relevance.reviewed: none of the rows of {place} is among the rows to learn from"
        yield Finding("error", "teachers", what, "give rows with the same input as those that teachers are asked about")
