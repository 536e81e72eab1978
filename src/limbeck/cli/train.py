"""Verbs that make bundles: train, and what comes before it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from limbeck.cli.options import (
    BUDGET,
    DATA,
    JSON,
    LABEL,
    LANG,
    PLACE,
    SETTING,
    SHEET,
    SIZE,
    SPEED,
    TASK,
    print_json,
)
from limbeck.process.cores import place


@click.command()
@click.argument("recipe", type=PLACE, metavar="RECIPE|ROWS")
@DATA
@click.option("--out", required=True, type=PLACE, help="Folder of the finished bundle.")
@LABEL
@TASK
@SHEET
@BUDGET
@SIZE
@SPEED
@SETTING
@click.option("--resume", is_flag=True, help="Go on where a killed run stopped.")
@click.option("--on", metavar="WHERE", help="Ask the teachers on a Ray cluster: ray, or ray://HOST:PORT.")
@click.option("--folds", type=click.IntRange(2, 50), help="Cross-validate instead of making a bundle.")
@LANG
def train(
    recipe: Path, data: Path | None, out: Path, label: str | None, task: str | None, sheet: str | None,
    budget: str | None, size: str | None, rows_per_second: float | None, settings: tuple[str, ...], resume: bool,
    on: str | None, folds: int | None, lang: str,
) -> None:  # fmt: skip
    """Train a classifier, evaluate it once on test, export it as a bundle.

    RECIPE is a TOML file. Or give ROWS alone, a table or a folder of pictures or records: the recipe is made from what
    is found, and several models are compared.
    """
    from limbeck.cli import tables
    from limbeck.cli.pipes import with_sheet

    recipe = with_sheet(recipe, sheet)
    if folds and place()[1] > 1:
        raise click.UsageError("several processes cannot share --folds")
    with contextlib.nullcontext() if on is None else _teachers(on):
        if folds:
            from limbeck.training.search.cross_validation import cross_validate

            tables.folds(cross_validate(recipe, folds, out=out, data=data, settings=settings, resume=resume))
            return
        import limbeck

        trained = limbeck.train(
            recipe, out=out, data=data, label=label, task=task, budget=budget, size=size,
            rows_per_second=rows_per_second, settings=settings, resume=resume, lang=lang,
        )  # fmt: skip
    if place()[0] == 0:
        tables.trained(trained)


def _teachers(on: str) -> contextlib.AbstractContextManager[None]:
    from limbeck.scale.ray_tasks import address_of
    from limbeck.scale.teachers_on_ray import teachers_on_ray

    return teachers_on_ray(address_of(on))


@click.command()
@click.argument("rows", type=PLACE)
@LABEL
@TASK
@SHEET
@BUDGET
@SIZE
@SPEED
@LANG
def init(
    rows: Path, label: str | None, task: str | None, sheet: str | None, budget: str | None, size: str | None,
    rows_per_second: float | None, lang: str,
) -> None:  # fmt: skip
    """Print the recipe that ROWS would be trained with, with a comment on every key."""
    from limbeck.cli.pipes import with_sheet
    from limbeck.dataset.automatic.commented import commented
    from limbeck.dataset.automatic.limits import Limits, limit
    from limbeck.dataset.automatic.understand import understand

    found = understand(with_sheet(rows, sheet), label=label, task=task)
    limit(found, Limits(budget, size, rows_per_second))
    found.recipe  # noqa: B018 - checked before it is printed
    click.echo(commented(found, lang, place=str(found.folder or "")), nl=False)


@click.command()
@click.argument("recipe", type=PLACE)
@DATA
@click.option("--out", required=True, type=PLACE, help="Folder of the search; the best recipe is best.toml in it.")
@SETTING
@click.option("--trials", type=click.IntRange(1), help="Total number of trials, including earlier runs.")
@click.option("--on", metavar="WHERE", help="Evaluate tune.parallel trials at once: processes[:N], ray[://HOST:PORT].")
def tune(
    recipe: Path, data: Path | None, out: Path, settings: tuple[str, ...], trials: int | None, on: str | None
) -> None:
    """Search the recipe's [tune] space on valid; call again to go on."""
    from limbeck.cli import tables
    from limbeck.training.search.tune import tune as search

    with contextlib.nullcontext() if on is None else _trials(on):
        tables.tuned(search(recipe, out=out, data=data, settings=settings, trials=trials))


def _trials(on: str) -> contextlib.AbstractContextManager[None]:
    from limbeck.scale.trials import trials_on

    return trials_on(on)


@click.command()
@click.argument("recipe", type=PLACE)
@DATA
@SETTING
@click.option("--ask", is_flag=True, help="Ask teachers behind http: about a few rows; this may cost money.")
@JSON
def doctor(recipe: Path, data: Path | None, settings: tuple[str, ...], ask: bool, as_json: bool) -> int:
    """Check RECIPE, its data and its teachers before training. Exit code 2 on errors."""
    import limbeck
    from limbeck.cli import tables

    findings = limbeck.doctor(recipe, data=data, settings=settings, ask=ask)
    print_json(tables.diagnosis(findings)) if as_json else tables.findings(findings)
    return 2 if any(finding.level == "error" for finding in findings) else 0
