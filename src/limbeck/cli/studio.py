"""`limbeck studio` and `limbeck worker`: the web site and further workers for its jobs."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen to.")
@click.option("--port", default=8800, show_default=True, type=click.IntRange(1, 65535), help="Port to listen to.")
@click.option(
    "--bundle", "bundles", multiple=True, type=click.Path(path_type=Path), help="Put a bundle into the registry first."
)
@click.option(
    "--review",
    type=click.Path(path_type=Path),
    help="Answer the first rows of a table with the first bundle and put them under review.",
)
@click.pass_context
def studio(context: click.Context, host: str, port: int, bundles: tuple[Path, ...], review: Path | None) -> None:
    """Run the web site with its worker; settings come from the environment, see docs/studio.md."""
    if review is not None and not bundles:
        raise click.UsageError("--review needs --bundle")
    if context.invoked_subcommand is None:
        from limbeck.studio.launch import serve

        serve(host, port, list(bundles), review)


@studio.command(name="verify-audit")
def verify_audit() -> None:
    """Check that the audit log is unchanged."""
    from limbeck.errors import LimbeckError
    from limbeck.studio.launch import prepare

    prepare()
    from limbeck.studio.audit.log import verify

    checked = verify()
    if checked.broken is not None:
        what = f"entry {checked.broken} was changed, removed or added"
        raise LimbeckError(what, where="audit log", fix="compare the database with a backup")
    click.echo(f"audit log: {checked.entries:,} entries, unchanged")


@studio.command(name="review")
@click.argument("model")
@click.argument("table", type=click.Path(path_type=Path))
def review_rows(model: str, table: Path) -> None:
    """Answer the first 2,000 rows of TABLE with MODEL of the registry and put them under review."""
    from limbeck.studio.launch import prepare

    prepare()
    from limbeck.studio.review.services.adding.tables import review_table

    added = review_table(model, table)
    click.echo(f"review: {added.added:,} rows of {table.name} added, {added.known:,} were there")


@click.command()
@click.option("--until-empty", is_flag=True, help="End when no job is left.")
def worker(until_empty: bool) -> None:
    """Work on the studio's jobs; any number of workers, on any machine, share the queue."""
    from limbeck.studio.launch import work

    work(until_empty=until_empty)
