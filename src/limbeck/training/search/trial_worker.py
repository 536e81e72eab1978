"""A process that evaluates one trial after the other: ``python -P -m limbeck.training.search.trial_worker``.

It reads requests from standard input and writes scores to standard output (`limbeck.process.pipes`), and ends when
either pipe closes, however the process at the other end ended.
"""

from __future__ import annotations

import contextlib
import sys

from limbeck.errors import LimbeckError, first_line
from limbeck.process.pipes import receive, send
from limbeck.training.search.trial import answer


def serve() -> None:
    """Evaluate trials until standard input ends."""
    given, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing that prints may stand between the messages
    while True:
        request = receive(given)[0]
        try:
            reply = answer(request)
        except Exception as error:
            defect = LimbeckError(f"a defect of Limbeck: {first_line(error)}", where="the trial", fix="report it")
            reply = {"failed": defect.as_dict()}
        send(out, reply)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, EOFError):
        serve()
