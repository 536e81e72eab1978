"""Trains in as many processes as torchrun starts; the last one is asked to stop after a step.

Usage: cancelled.py RECIPE DATA OUT STEP
"""

import os
import signal
import sys

from limbeck.cli.main import run
from limbeck.process.cores import leave, place
from limbeck.training.fit import loop

recipe, data, out, step = sys.argv[1:5]
rank, size = place()
seed = loop.step_seed


def asked(number: int, at: int, process: int) -> int:
    """Send SIGTERM to this process alone, once, at the beginning of the step."""
    if rank == size - 1 and at == int(step) and process == 0:
        os.kill(os.getpid(), signal.SIGTERM)
    return seed(number, at, process)


loop.step_seed = asked
try:
    run(["train", recipe, "--data", data, "--out", out])
except SystemExit as end:
    sys.stdout.write(f"process {rank} ends with {end.code}\n")
    leave(int(end.code or 0))
