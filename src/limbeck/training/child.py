"""Train in a process of its own, for a program that must not load torch: a request as JSON, events as lines of JSON.

``python -m limbeck.training.child REQUEST.json`` writes to standard output one object a line: ``{"event": {…}}`` for
each `limbeck.events.Event`, and at last ``{"done": {…}}`` with the figures or ``{"error": {…}}`` as
`LimbeckError.as_dict`. It stops at its next safe point when its standard input ends: when whoever started it closes it,
or is gone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.events import Event, Token
from limbeck.files import no_nan
from limbeck.locks import sole_writer


def main(request: Path) -> int:
    """Train what a request asks for, arguments of `limbeck.training.train.train` by name; return the exit status."""
    lines = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no line of ours
    token = Token()
    threading.Thread(target=_wait, args=(token,), daemon=True).start()

    def tell(head: str, content: dict[str, Any]) -> None:
        lines.write(json.dumps({head: no_nan(content)}, ensure_ascii=True) + "\n")
        lines.flush()

    def listen(event: Event) -> None:
        tell("event", {**asdict(event), "figures": dict(event.figures)})

    try:
        asked = json.loads(request.read_text("utf-8"))
        from limbeck.training.train import train

        with sole_writer(request, wait=True):  # a killed caller's training may not have ended yet
            trained = train(asked.pop("recipe"), progress=listen, cancel=token, **asked)
        tell("done", {"metrics": trained.metrics, "judged_on": trained.judged_on})
    except LimbeckError as error:
        tell("error", error.as_dict())
        return 2
    except MemoryError:
        fix = "take fewer rows, or a machine with more memory"
        tell("error", LimbeckError("the memory of this machine does not suffice", fix=fix).as_dict())
        return 2
    return 0


def _wait(token: Token) -> None:
    """Ask for an end when standard input ends."""
    while os.read(0, 1024):  # not the buffered reader, whose lock would outlive this thread
        pass
    token.cancel()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
