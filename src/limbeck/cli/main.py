"""The command line: its verbs, and what happens to errors.

Each verb imports what it needs when it runs, so that ``limbeck --help`` stays quick and never loads torch.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from limbeck.cli.bundles import compare, evaluate, join, predict, recalibrate
from limbeck.cli.models import models
from limbeck.cli.options import LANG, PLACE
from limbeck.cli.output import ReaderGoneError, Verbs, end_quietly, outside, settle
from limbeck.cli.serve import serve
from limbeck.cli.stop import STATUS, Stop, Terminated, stoppable
from limbeck.cli.studio import studio, worker
from limbeck.cli.train import doctor, init, train, tune
from limbeck.errors import LimbeckError, how_to_install, printable
from limbeck.events import Cancelled
from limbeck.process.cores import place
from limbeck.version import __version__


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


@click.command()
@click.option("--out", type=PLACE, default=Path("demo-out"), show_default=True, help="Folder for bundles and report.")
@LANG
def demo(out: Path, lang: str) -> None:
    """Train and evaluate two example models on Chinese reviews (3 minutes)."""
    from limbeck.cli.demo import demo as show

    show(out, lang=lang)


for _verb in (
    train, init, evaluate, compare, predict, join, recalibrate, tune, doctor, demo, serve, models, studio, worker
):  # fmt: skip
    main.add_command(_verb)


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
