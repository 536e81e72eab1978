"""`limbeck models`: the registry from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from limbeck.errors import LimbeckError

if TYPE_CHECKING:
    from limbeck.registry import Model

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def models() -> None:
    """Keep versions of bundles under a name; other verbs take models:NAME for a bundle."""


@models.command(name="list")
@click.argument("name", required=False)
@JSON
def show(name: str | None, as_json: bool) -> None:
    """List the versions of all models, or of NAME; * marks those in use."""
    from limbeck import registry
    from limbeck.cli import tables

    found = registry.models(name)
    if as_json:
        click.echo(json.dumps([_facts(model) for model in found], ensure_ascii=False))
        return
    tables.registered(found)


@models.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--promote", is_flag=True, help="Bring it into use at once.")
def add(bundle: Path, name: str, promote: bool) -> None:
    """Copy BUNDLE into the registry as a version of NAME; the first one comes into use at once."""
    from limbeck import registry

    if not bundle.exists() and (Path(name) / "bundle.json").is_file():
        fix = f"write limbeck models add {name} {bundle}"
        raise LimbeckError(f"there is no bundle {bundle}, and {name} is one", where="models add", fix=fix)
    _told(registry.add(bundle, name, promote=promote))


@models.command()
@click.argument("version", metavar="NAME@VERSION")
def promote(version: str) -> None:
    """Bring a version into use."""
    from limbeck import registry

    _told(registry.promote(version))


@models.command()
@click.argument("name")
def rollback(name: str) -> None:
    """Bring back into use what was in use before."""
    from limbeck import registry

    _told(registry.rollback(name))


@models.command()
@click.argument("name", metavar="NAME[@VERSION]")
@click.option("--all", "everything", is_flag=True, help="Remove NAME with all its versions.")
def remove(name: str, everything: bool) -> None:
    """Remove a version that is not in use."""
    from limbeck import registry

    if ("@" in name) == everything:
        raise click.UsageError("name a version, NAME@VERSION, or give --all")
    registry.remove(name)


@models.command()
@click.argument("name")
@click.argument("versions", nargs=-1, required=True, metavar="VERSION… DATA")
@JSON
def compare(name: str, versions: tuple[str, ...], as_json: bool) -> None:
    """Compare the version of NAME that is in use with others on the labelled rows of DATA."""
    from limbeck import registry
    from limbeck.cli import tables
    from limbeck.evaluation.compare_bundles import compare as compared
    from limbeck.files import no_nan

    if len(versions) < 2:
        raise click.UsageError("give one version or more, then the rows")
    chosen = [registry.find(name), *(registry.find(f"{name}@{version}") for version in versions[:-1])]
    result = compared([f"models:{model.name}@{model.version}" for model in chosen], versions[-1])
    click.echo(json.dumps(no_nan(result), ensure_ascii=False)) if as_json else tables.comparison(result)


def _told(model: Model) -> None:
    click.echo(f"{model.name}@{model.version}: {'in use' if model.current else 'not in use'}: {model.path}")


def _facts(model: Model) -> dict[str, Any]:
    return {**vars(model), "path": str(model.path)}
