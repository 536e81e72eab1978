"""``python -m limbeck`` and ``torchrun -m limbeck``: the command line."""

from limbeck.cli.main import run

run()
