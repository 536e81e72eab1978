"""Trains each of several recipes twice: undisturbed, and killed with SIGKILL at the moments asked for, then resumed.

Usage: killed.py DATA HOME NAME=MOMENT,MOMENT… where HOME/NAME.toml is a recipe. HOME/NAME/whole is the undisturbed
bundle, HOME/NAME/cut the other one, and HOME/NAME/cut.log what its runs said. A moment is ``checkpoints:N`` (N were
written by this run), ``seconds:S`` after the first of them, or ``export`` (the finished bundle is being written). Every
run is a fork made before any thread was started, so that torch is imported only once.
"""

import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

# What runs import when they need it: here once, and not in every fork.
import jinja2  # noqa: F401
import onnxruntime  # noqa: F401
import sympy  # noqa: F401
import torch._dynamo  # noqa: F401
import transformers.models.albert.modeling_albert  # noqa: F401
from benchmarks.forked_runs import forked, killed, until_end

from limbeck.training.train import train, work_folder

PAUSE = 0.0005  # seconds between two looks; a checkpoint takes longer to write


class Moment:
    """Tells when a moment of a run into ``out`` is reached; it is asked again and again."""

    def __init__(self, moment: str, out: Path) -> None:
        self.kind, _, amount = moment.partition(":")
        self.amount = float(amount or 0)
        self.out, self.checkpoint = out, work_folder(out) / "checkpoint.pt"
        self.last, self.seen, self.first = self._inode(), 0, 0.0

    def __call__(self) -> bool:
        if (now := self._inode()) not in (self.last, 0):
            self.last, self.seen = now, self.seen + 1
            self.first = self.first or time.monotonic()
        if self.kind == "checkpoints":
            return self.seen >= self.amount
        if self.kind == "seconds":
            return self.first > 0 and time.monotonic() - self.first >= self.amount
        return any(self.out.parent.glob(f".{self.out.name}.*.part"))

    def _inode(self) -> int:
        try:
            return self.checkpoint.stat().st_ino
        except OSError:
            return 0


data, home = map(Path, sys.argv[1:3])
for word in sys.argv[3:]:
    name, _, moments = word.partition("=")
    place = home / name
    place.mkdir()
    recipe = home / f"{name}.toml"
    if until_end(forked(partial(train, recipe, data=data, out=place / "whole"), place / "whole.log")):
        sys.exit((place / "whole.log").read_text("utf-8"))
    cut, log = place / "cut", place / "cut.log"
    for number, moment in enumerate(moments.split(",")):
        reached = Moment(moment, cut)
        status = killed(forked(partial(train, recipe, data=data, out=cut, resume=number > 0), log), reached, PAUSE)
        if status != -9:
            sys.exit(f"{name}: the run ended with {status} before {moment}\n{log.read_text('utf-8')}")
    if until_end(forked(partial(train, recipe, data=data, out=cut, resume=True), log)):
        sys.exit(log.read_text("utf-8"))
