"""``python -m limbeck`` and ``torchrun -m limbeck``: the command line."""

import os
import sys

from limbeck.cli.main import run
from limbeck.cores import place

try:
    run()
except SystemExit as done:
    if place()[1] == 1:
        raise
    # All work is done and the group is left. Threads of its store may still end in an abort when the interpreter is
    # taken apart, and torchrun would call the finished run failed.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(done.code if isinstance(done.code, int) else 0 if done.code is None else 1)
