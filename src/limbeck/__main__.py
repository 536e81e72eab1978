"""``python -m limbeck`` and ``torchrun -m limbeck``: the command line."""

from limbeck.cli.main import run
from limbeck.process.cores import leave, place

try:
    run()
except SystemExit as done:
    if place()[1] == 1:
        raise
    leave(done.code if isinstance(done.code, int) else 0 if done.code is None else 1)
