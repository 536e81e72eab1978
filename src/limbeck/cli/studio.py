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


@studio.command(name="check")
@click.pass_context
def check(context: click.Context) -> None:
    """Check database, disk, keys, encrypted columns, audit log and files; exit with 1 when one of them has failed."""
    from limbeck.studio.launch import load

    load()
    from limbeck.studio.operations.check import FAILED
    from limbeck.studio.operations.check import check as lines

    failed = False
    for line in lines():
        failed = failed or line.state == FAILED
        click.echo(str(line))
    context.exit(1 if failed else 0)


@studio.command(name="rotate-keys")
def rotate_keys() -> None:
    """Encrypt phone numbers and e-mail addresses with a new key; the site may run meanwhile."""
    from limbeck.studio.launch import prepare

    prepare()
    from limbeck.studio.encryption.rotation import rotate

    click.echo(f"encrypted again: {rotate():,} values")


@studio.command(name="retention")
@click.option("--days", required=True, type=click.IntRange(1, 36500), help="Keep this many days.")
def retention(days: int) -> None:
    """Delete items, answers, jobs and files that are older, now."""
    from limbeck.studio.launch import prepare

    prepare()
    from limbeck.studio.operations.retention import delete_old

    found = delete_old(days)
    click.echo("deleted: " + ", ".join(f"{count:,} {name}" for name, count in found.items()))


@studio.command(name="export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--files/--no-files", default=True, show_default=True, help="With pictures, jobs and models.")
def export_site(file: Path, files: bool) -> None:
    """Write database and files into FILE, a zip file; the site may run meanwhile. It holds no keys."""
    from limbeck.studio.launch import prepare

    prepare()
    from limbeck.studio.operations.backup.export import export

    export(file, files=files, tell=click.echo)


@studio.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_site(file: Path) -> None:
    """Read FILE, which `studio export` wrote, into an empty database; the site must not run."""
    from limbeck.studio.launch import prepare

    prepare()
    from limbeck.studio.operations.backup.restore import restore

    manifest = restore(file, tell=click.echo)
    rows = sum(table.rows for table in manifest.tables.values())
    click.echo(f"imported: {rows:,} rows and {len(manifest.files):,} files, the same as exported")


@click.command()
@click.option("--until-empty", is_flag=True, help="End when no job is left.")
def worker(until_empty: bool) -> None:
    """Work on the studio's jobs; any number of workers, on any machine, share the queue."""
    from limbeck.studio.launch import work

    work(until_empty=until_empty)
