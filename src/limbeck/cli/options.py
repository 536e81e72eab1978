"""Options that several verbs have, and how their values are read and printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from limbeck.errors import LimbeckError

SETTING = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
DATA = click.option("--data", type=click.Path(path_type=Path), help="Folder of the recipe's rows.")
WHERE = click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value.")
GROUP = click.option("--group", metavar="COLUMN", help="Keep rows of a group together in the intervals.")
ENCODING = click.option(
    "--encoding", metavar="NAME", help="Encoding of text tables, if it is not found: latin-1, big5."
)
RENAME = click.option(
    "--rename", multiple=True, metavar="COLUMN=NAME", help="COLUMN of the rows is what the bundle calls NAME."
)
SHEET = click.option("--sheet", metavar="NAME", help="Sheet of an Excel file; by default the first.")
READ_AS = click.option(
    "--input-format", metavar="ENDING", help="What comes through a pipe: csv, tsv, jsonl.zst …; found when left out."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
LANG = click.option("--lang", type=click.Choice(["en", "zh"]), default="en", help="Language the report opens in.")
LABEL = click.option("--label", metavar="COLUMN", help="Label of rows without a recipe; found where it is plain.")
TASK = click.option(
    "--task", type=click.Choice(["classify", "anomaly"]), help="What is asked of rows without a recipe."
)
BUDGET = click.option("--budget", metavar="TIME", help="How long rows without a recipe may take: 90s, 5m, 1h.")
SIZE = click.option("--size", metavar="BYTES", help="Size that the bundle may have: 500KB, 5MB.")
SPEED = click.option(
    "--rows-per-second", type=float, metavar="N", help="Rows that one core has to predict in a second."
)
PLACE = click.Path(path_type=Path)


def pairs(texts: tuple[str, ...], where: str = "--where") -> dict[str, str]:
    """Return name -> value of ``COLUMN=VALUE``; raises LimbeckError for anything else."""
    pairs = [text.partition("=") for text in texts]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise LimbeckError("give COLUMN=VALUE", where=where)
    return {name: value for name, _, value in pairs}


def renames(texts: tuple[str, ...]) -> dict[str, str] | None:
    """Return column -> name of ``--rename COLUMN=NAME``, None without any; raises LimbeckError for anything else."""
    return pairs(texts, "--rename") or None


def shares(text: str) -> dict[str, float]:
    """Return name -> share of ``CLASS=SHARE,CLASS=SHARE``; raises LimbeckError for anything else."""
    shares = {}
    for part in names(text):
        name, equals, share = part.rpartition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise LimbeckError("give CLASS=SHARE,CLASS=SHARE", where="--class-rates")
    return shares


def names(text: str) -> list[str]:
    """Return the names between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def print_json(value: Any) -> None:
    """Print one JSON object."""
    from limbeck.files import no_nan

    click.echo(json.dumps(no_nan(value), ensure_ascii=False))
