"""The command line: verbs, their options, and what happens to errors.

Each verb imports what it needs when it runs, so that ``limbeck --help`` stays quick and never loads torch.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from limbeck.cli.models import models
from limbeck.cli.output import ReaderGoneError, Verbs, end_quietly, outside, settle
from limbeck.cli.serve import serve
from limbeck.cli.stop import STATUS, Stop, Terminated, stoppable
from limbeck.cli.studio import studio, worker
from limbeck.errors import LimbeckError, how_to_install, printable
from limbeck.events import Cancelled
from limbeck.process.cores import place
from limbeck.version import __version__

SETTING = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
DATA = click.option("--data", type=click.Path(path_type=Path), help="Folder of the recipe's rows.")
WHERE = click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value.")
GROUP = click.option("--group", metavar="COLUMN", help="Keep rows of a group together in the intervals.")
ENCODING = click.option(
    "--encoding", metavar="NAME", help="Encoding of text tables, if it is not found: latin-1, big5."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
LANG = click.option("--lang", type=click.Choice(["en", "zh"]), default="en", help="Language the report opens in.")
LABEL = click.option("--label", metavar="COLUMN", help="Label of rows without a recipe; found where it is plain.")
TASK = click.option(
    "--task", type=click.Choice(["classify", "anomaly"]), help="What is asked of rows without a recipe."
)
PLACE = click.Path(path_type=Path)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="limbeck")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def main() -> None:
    """Distil the classifiers you have into the one you need."""
    context = click.get_current_context()
    verb = context.invoked_subcommand
    if place()[1] > 1 and verb != "train":
        raise click.UsageError(f"several processes can share `limbeck train`, not `limbeck {verb}`")
    context.with_resource(stoppable(verb, context.ensure_object(Stop)))


@main.command()
@click.argument("recipe", type=PLACE, metavar="RECIPE|ROWS")
@DATA
@click.option("--out", required=True, type=PLACE, help="Folder of the finished bundle.")
@LABEL
@TASK
@click.option("--budget", metavar="TIME", help="How long rows without a recipe may take: 90s, 5m, 1h.  [default: 5m]")
@SETTING
@click.option("--resume", is_flag=True, help="Go on where a killed run stopped.")
@click.option("--folds", type=click.IntRange(2, 50), help="Cross-validate instead of making a bundle.")
@LANG
def train(
    recipe: Path, data: Path | None, out: Path, label: str | None, task: str | None, budget: str | None,
    settings: tuple[str, ...], resume: bool, folds: int | None, lang: str,
) -> None:  # fmt: skip
    """Train a classifier, evaluate it once on test, export it as a bundle.

    RECIPE is a TOML file. Or give ROWS alone, a table or a folder of pictures or records: the recipe is made from what
    is found, and several models are compared.
    """
    from limbeck.cli import tables

    if folds and place()[1] > 1:
        raise click.UsageError("several processes cannot share --folds")
    if folds:
        from limbeck.training.search.cross_validation import cross_validate

        tables.folds(cross_validate(recipe, folds, out=out, data=data, settings=settings, resume=resume))
        return
    import limbeck

    trained = limbeck.train(
        recipe, out=out, data=data, label=label, task=task, budget=budget, settings=settings, resume=resume, lang=lang
    )
    if place()[0] == 0:
        tables.trained(trained)


@main.command()
@click.argument("rows", type=PLACE)
@LABEL
@TASK
@LANG
def init(rows: Path, label: str | None, task: str | None, lang: str) -> None:
    """Print the recipe that ROWS would be trained with, with a comment on every key."""
    from limbeck.dataset.automatic.commented import commented
    from limbeck.dataset.automatic.understand import understand

    found = understand(rows, label=label, task=task)
    found.recipe  # noqa: B018 - checked before it is printed
    click.echo(commented(found, lang, place=str(found.folder or "")), nl=False)


@main.command()
@click.argument("bundle", type=PLACE)
@click.argument("data", type=PLACE)
@WHERE
@click.option("--slices", metavar="COLUMNS", default="", help="Columns in which to look for weak groups.")
@GROUP
@click.option("--report", type=PLACE, help="HTML file to write.")
@click.option("--train-data", type=PLACE, help="Folder of the training rows: the baseline is evaluated on DATA too.")
@click.option("--pictures", is_flag=True, help="Put small copies of the worst errors into the report.")
@ENCODING
@JSON
@LANG
def evaluate(
    bundle: Path, data: Path, where: tuple[str, ...], slices: str, group: str | None, report: Path | None,
    train_data: Path | None, pictures: bool, encoding: str | None, as_json: bool, lang: str,
) -> None:  # fmt: skip
    """Measure BUNDLE on the labelled rows of DATA."""
    import limbeck
    from limbeck.cli import tables
    from limbeck.cli.pipes import whole_input

    with whole_input(data) as rows:
        metrics = limbeck.evaluate(
            bundle, rows, report=report, where=_pairs(where), slices=_names(slices), group=group,
            train_data=train_data, lang=lang, pictures=pictures, encoding=encoding,
        )  # fmt: skip
    _print_json(metrics) if as_json else tables.metrics(metrics, report)


@main.command()
@click.argument("places", nargs=-1, required=True, type=PLACE, metavar="BUNDLE BUNDLE… DATA")
@WHERE
@GROUP
@ENCODING
@JSON
def compare(
    places: tuple[Path, ...], where: tuple[str, ...], group: str | None, encoding: str | None, as_json: bool
) -> None:
    """Compare bundles on the same labelled rows, with a paired test."""
    import limbeck
    from limbeck.cli import tables
    from limbeck.cli.pipes import whole_input

    if len(places) < 3:
        raise LimbeckError("give two bundles or more, then the rows", where="compare")
    with whole_input(places[-1]) as rows:
        result = limbeck.compare(places[:-1], rows, where=_pairs(where), group=group, encoding=encoding)
    _print_json(result) if as_json else tables.comparison(result)


@main.command()
@click.argument("bundle", type=PLACE)
@click.argument("source", type=PLACE, metavar="INPUT")
@click.argument("output", type=PLACE)
@click.option("--columns", metavar="NAMES", help="What to write, e.g. id,label,probability.")
@click.option("--maps", type=PLACE, metavar="DIR", help="Write a heat map of each picture, of a detector's bundle.")
@click.option("--sets", type=float, metavar="COVERAGE", help="Add a column with prediction sets, e.g. 0.9.")
@click.option("--threshold", type=click.FloatRange(0.01, 1), help="Smallest score of a box that counts.")
@click.option("--draw", type=PLACE, metavar="PLACE", help="Folder for drawn pictures, or .mp4 for a drawn video.")
@click.option("--tiles", is_flag=True, help="Find tiny objects: look at tiles of each picture too.")
@click.option("--track/--no-track", default=None, help="Follow objects through a video (the default).")
@click.option("--most", type=click.IntRange(1), metavar="N", help="Stop after N frames of a video or camera.")
@ENCODING
def predict(
    bundle: Path, source: Path, output: Path, columns: str | None, maps: Path | None, sets: float | None,
    threshold: float | None, draw: Path | None, tiles: bool, track: bool | None, most: int | None,
    encoding: str | None,
) -> None:  # fmt: skip
    """Predict every row of INPUT: a table, a record, or a folder of tables, pictures or records; write OUTPUT.

    - reads CSV from standard input, or writes it to standard output. Of a BUNDLE that finds boxes, INPUT may be a
    video, camera:0 or the address of a stream, and OUTPUT a table, COCO's .json, or a folder of YOLO's text files.
    """
    import limbeck
    from limbeck.cli import tables
    from limbeck.cli.pipes import DASH, whole_input, whole_output

    wanted = _names(columns) if columns else None
    given_boxes = {"threshold": threshold, "draw": draw, "tiles": tiles or None, "track": track, "most": most}
    boxes: dict[str, Any] = {name: value for name, value in given_boxes.items() if value is not None}
    with whole_input(source) as given, whole_output(output) as answers:
        done = limbeck.predict(bundle, given, answers, columns=wanted, maps=maps, sets=sets, encoding=encoding, **boxes)
        tables.predicted(done, aside=output == DASH)


@main.command()
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


@main.command()
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
            bundle, given, out=out, normal_only=normal_only, false_alarms=false_alarms, where=_pairs(where),
            class_rates=None if class_rates is None else _shares(class_rates), encoding=encoding,
        )  # fmt: skip
    _print_json(asdict(made) | {"bundle": str(made.bundle), "parent": str(made.parent)}) if as_json else (
        tables.recalibrated(made)
    )


@main.command()
@click.argument("recipe", type=PLACE)
@DATA
@click.option("--out", required=True, type=PLACE, help="Folder of the search; the best recipe is best.toml in it.")
@SETTING
@click.option("--trials", type=click.IntRange(1), help="Total number of trials, including earlier runs.")
def tune(recipe: Path, data: Path | None, out: Path, settings: tuple[str, ...], trials: int | None) -> None:
    """Search the recipe's [tune] space on valid; call again to go on."""
    from limbeck.cli import tables
    from limbeck.training.search.tune import tune as search

    tables.tuned(search(recipe, out=out, data=data, settings=settings, trials=trials))


@main.command()
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
    _print_json(tables.diagnosis(findings)) if as_json else tables.findings(findings)
    return 2 if any(finding.level == "error" for finding in findings) else 0


@main.command()
@click.option("--out", type=PLACE, default=Path("demo-out"), show_default=True, help="Folder for bundles and report.")
@LANG
def demo(out: Path, lang: str) -> None:
    """Train and evaluate two example models on Chinese reviews (3 minutes)."""
    from limbeck.cli.demo import demo as show

    show(out, lang=lang)


main.add_command(serve)
main.add_command(models)
main.add_command(studio)
main.add_command(worker)


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise LimbeckError("give COLUMN=VALUE", where="--where")
    return {name: value for name, _, value in pairs}


def _shares(text: str) -> dict[str, float]:
    shares = {}
    for part in _names(text):
        name, equals, share = part.rpartition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise LimbeckError("give CLASS=SHARE,CLASS=SHARE", where="--class-rates")
    return shares


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_json(value: Any) -> None:
    from limbeck.files import no_nan

    click.echo(json.dumps(no_nan(value), ensure_ascii=False))


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: exit 2 with one line for what the user can fix, 1 for a defect of ours.

    ``arguments`` are the words behind the program's name, by default those that this process was given.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # the exporter's shape warnings help nobody here
    debug, stop = "--debug" in given, Stop()
    if getattr(sys.stdout, "errors", "") == "strict":  # a name that the terminal's encoding lacks is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        # --debug may stand anywhere: who reads an error appends it to the command they have just typed.
        words = [word for word in given if word != "--debug"]
        code = main(words, prog_name="limbeck", standalone_mode=False, obj=stop)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except Cancelled as error:
        _fail(str(error), debug, STATUS if stop.token.cancelled else 130)
    except LimbeckError as error:
        _fail(f"error: {error}", debug, 2)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        verb = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "limbeck"
        if place()[0] > 0:
            sys.exit(2)  # the first of several processes says it
        _fail(f"error: {error.format_message().rstrip('.')}; see {verb} --help", debug, 2)
    except (click.exceptions.Abort, KeyboardInterrupt):
        _fail("stopped", debug, 130)
    except Terminated:
        _fail("stopped", debug, STATUS)
    except ModuleNotFoundError as error:
        line = _extra(error)
        _fail(f"error: {line or _defect(error)}", debug, 2 if line else 1)
    except (BrokenPipeError, ReaderGoneError):
        end_quietly()
    except Exception as error:  # the one place where nothing may escape as a traceback
        known = outside(error) if isinstance(error, OSError) else None
        _fail(f"error: {known or _defect(error)}", debug, 2 if known else 1)
    finally:
        settle()


def _defect(error: Exception) -> str:
    return f"a defect of Limbeck: {type(error).__name__}: {error}; run with --debug and report it"


def _extra(error: ImportError) -> str | None:
    heavy = {"torch", "transformers", "accelerate", "safetensors", "onnx", "optuna", "sklearn", "scipy", "wfdb"}
    name = (error.name or "").partition(".")[0]
    if name in heavy:
        return f"this needs the package {name!r}, which is not installed; {how_to_install('train')}"
    return None


def _fail(line: str, debug: bool, code: int) -> None:
    with contextlib.suppress(OSError):  # a full disk behind standard error does not change the status
        if debug:
            traceback.print_exc()
        click.echo(printable(" ".join(line.split())), err=True)
    sys.exit(code)
