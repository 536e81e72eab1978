"""Verbs that use and change finished bundles."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from limbeck.cli.options import (
    ENCODING,
    GROUP,
    JSON,
    LANG,
    PLACE,
    READ_AS,
    RENAME,
    SHEET,
    WHERE,
    names,
    pairs,
    print_json,
    renames,
    shares,
)  # fmt: skip
from limbeck.errors import LimbeckError

FORMATS = ["parquet", "csv", "tsv", "jsonl", "xlsx"]  # of tables that are written


@click.command()
@click.argument("bundle", type=PLACE)
@click.argument("data", type=PLACE)
@WHERE
@click.option("--slices", metavar="COLUMNS", default="", help="Columns in which to look for weak groups.")
@GROUP
@click.option("--report", type=PLACE, help="HTML file to write.")
@click.option("--train-data", type=PLACE, help="Folder of the training rows: the baseline is evaluated on DATA too.")
@click.option("--pictures", is_flag=True, help="Put small copies of the worst errors into the report.")
@RENAME
@SHEET
@READ_AS
@ENCODING
@JSON
@LANG
def evaluate(
    bundle: Path, data: Path, where: tuple[str, ...], slices: str, group: str | None, report: Path | None,
    train_data: Path | None, pictures: bool, rename: tuple[str, ...], sheet: str | None, input_format: str | None,
    encoding: str | None, as_json: bool, lang: str,
) -> None:  # fmt: skip
    """Measure BUNDLE on the labelled rows of DATA."""
    import limbeck
    from limbeck.cli import tables
    from limbeck.cli.pipes import whole_input

    with whole_input(data, input_format, sheet) as rows:
        metrics = limbeck.evaluate(
            bundle, rows, report=report, where=pairs(where), slices=names(slices), group=group,
            train_data=train_data, lang=lang, pictures=pictures, encoding=encoding, rename=renames(rename),
        )  # fmt: skip
    print_json(metrics) if as_json else tables.metrics(metrics, report)


@click.command()
@click.argument("places", nargs=-1, required=True, type=PLACE, metavar="BUNDLE BUNDLE… DATA")
@WHERE
@GROUP
@RENAME
@SHEET
@READ_AS
@ENCODING
@JSON
def compare(
    places: tuple[Path, ...], where: tuple[str, ...], group: str | None, rename: tuple[str, ...], sheet: str | None,
    input_format: str | None, encoding: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare bundles on the same labelled rows, with a paired test."""
    import limbeck
    from limbeck.cli import tables
    from limbeck.cli.pipes import whole_input

    if len(places) < 3:
        raise LimbeckError("give two bundles or more, then the rows", where="compare")
    with whole_input(places[-1], input_format, sheet) as rows:
        result = limbeck.compare(
            places[:-1], rows, where=pairs(where), group=group, encoding=encoding, rename=renames(rename)
        )
    print_json(result) if as_json else tables.comparison(result)


@click.command()
@click.argument("bundle", type=PLACE)
@click.argument("source", metavar="INPUT")
@click.argument("output")
@click.option(
    "--on", metavar="WHERE", help="Answer many tables, each in its file: processes[:N], ray[://HOST:PORT], part:K/N."
)
@click.option(
    "--cpus", type=click.FloatRange(0.01), default=1.0, show_default=True, help="Processors of a task on Ray."
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of standard output (csv) or with --on (parquet).")
@click.option("--columns", metavar="NAMES", help="What to write, e.g. id,label,probability.")
@click.option("--maps", type=PLACE, metavar="DIR", help="Write a heat map of each picture, of a detector's bundle.")
@click.option("--sets", type=float, metavar="COVERAGE", help="Add a column with prediction sets, e.g. 0.9.")
@click.option("--threshold", type=click.FloatRange(0.01, 1), help="Smallest score of a box that counts.")
@click.option("--draw", type=PLACE, metavar="PLACE", help="Folder for drawn pictures, or .mp4 for a drawn video.")
@click.option("--tiles", is_flag=True, help="Find tiny objects: look at tiles of each picture too.")
@click.option("--track/--no-track", default=None, help="Follow objects through a video (the default).")
@click.option("--most", type=click.IntRange(1), metavar="N", help="Stop after N frames of a video or camera.")
@RENAME
@SHEET
@READ_AS
@ENCODING
def predict(
    bundle: Path, source: str, output: str, on: str | None, cpus: float, form: str | None, columns: str | None,
    maps: Path | None, sets: float | None, threshold: float | None, draw: Path | None, tiles: bool,
    track: bool | None, most: int | None, rename: tuple[str, ...], sheet: str | None, input_format: str | None,
    encoding: str | None,
) -> None:  # fmt: skip
    """Predict every row of INPUT: a table, a record, or a folder of tables, pictures or records; write OUTPUT.

    INPUT may be a pattern ('in/*.csv'); - is standard input or output. Of a BUNDLE that finds boxes, INPUT may be a
    video, camera:0 or the address of a stream, and OUTPUT a table, COCO's .json, or a folder of YOLO's text files.
    With --on, INPUT is a folder of tables or a pattern ('in/*.parquet'), OUTPUT a folder; both may be s3://… and so on.
    """
    import limbeck
    from limbeck.cli import tables
    from limbeck.cli.pipes import DASH, whole_input, whole_output

    wanted = names(columns) if columns else None
    given_boxes = {"threshold": threshold, "draw": draw, "tiles": tiles or None, "track": track, "most": most}
    boxes: dict[str, Any] = {name: value for name, value in given_boxes.items() if value is not None}
    if on is not None:
        alone = {"maps": maps, "sheet": sheet, "input_format": input_format, **boxes}
        if odd := [name for name, value in alone.items() if value is not None]:
            raise LimbeckError(
                f"--{odd[0].replace('_', '-')} does not go with --on", where="predict", fix="leave one of them out"
            )
        from limbeck.scale.predict_shards import predict_shards

        ending = f".{form or 'parquet'}"
        asked: dict[str, Any] = {"columns": wanted, "sets": sets, "encoding": encoding, "ending": ending, "cpus": cpus}
        tables.sharded(predict_shards(bundle, source, output, on=on, rename=renames(rename), **asked))
        return
    if form is not None and Path(output) != DASH:
        raise LimbeckError(
            "--format goes with --on or -", where="predict", fix="the ending of OUTPUT says how it is written"
        )
    refuse_remote(source, output)
    with (
        whole_input(Path(source), input_format, sheet) as rows,
        whole_output(Path(output), form or "csv") as answers,
    ):
        done = limbeck.predict(
            bundle, rows, answers, columns=wanted, maps=maps, sets=sets, encoding=encoding, rename=renames(rename),
            **boxes,
        )  # fmt: skip
        tables.predicted(done, aside=Path(output) == DASH)


def refuse_remote(*addresses: str) -> None:
    """Raise where an address leads to object storage, which is read and written with --on alone."""
    from limbeck.scale.places import open_place, remote_scheme

    for address in addresses:
        if remote_scheme(address) is not None:
            where = open_place(address).shown
            raise LimbeckError("is in object storage", where=where, fix="add --on processes, and name folders")


@click.command()
@click.argument("detector", type=PLACE)
@click.argument("classifier", type=PLACE)
@click.option("--out", required=True, type=PLACE, help="Folder of the new bundle.")
@click.option(
    "--margin", type=click.FloatRange(0, 4), default=0.0, help="Share of its sides by which a box is widened."
)
def join(detector: Path, classifier: Path, out: Path, margin: float) -> None:
    """Put CLASSIFIER behind DETECTOR: it tells what is in each box. Write both as one bundle."""
    import limbeck

    click.echo(f"bundle: {limbeck.join(detector, classifier, out, margin=margin)}")


@click.command()
@click.argument("bundle", type=PLACE)
@click.argument("rows", type=PLACE)
@click.option("--out", type=PLACE, help="Folder of the new bundle, by default BUNDLE-recalibrated.")
@click.option(
    "--normal-only", is_flag=True, help="All rows are of the normal (bona fide) class; labels are not needed."
)
@click.option(
    "--class-rates", metavar="CLASS=SHARE,…", help="The rows have no labels; this is the share of each class."
)
@click.option(
    "--false-alarms", type=float, metavar="SHARE", help="With --normal-only: normal rows above the threshold."
)
@WHERE
@ENCODING
@JSON
def recalibrate(
    bundle: Path, rows: Path, out: Path | None, normal_only: bool, class_rates: str | None, false_alarms: float | None,
    where: tuple[str, ...], encoding: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Refit temperature and threshold of BUNDLE on ROWS of a new place; write a new bundle."""
    import limbeck
    from limbeck.cli import tables
    from limbeck.cli.pipes import whole_input

    with whole_input(rows) as given:
        made = limbeck.recalibrate(
            bundle, given, out=out, normal_only=normal_only, false_alarms=false_alarms, where=pairs(where),
            class_rates=None if class_rates is None else shares(class_rates), encoding=encoding,
        )  # fmt: skip
    print_json(asdict(made) | {"bundle": str(made.bundle), "parent": str(made.parent)}) if as_json else (
        tables.recalibrated(made)
    )
