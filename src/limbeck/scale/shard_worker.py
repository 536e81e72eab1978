"""A process that answers one shard after the other: ``python -P -m limbeck.scale.shard_worker``.

It reads the job and then shards from standard input, and writes rows read, records and errors to standard output
(`limbeck.process.pipes`). It ends when either pipe closes, however the process at the other end ended.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict

from limbeck.errors import LimbeckError, first_line
from limbeck.process.pipes import receive, send
from limbeck.scale.outcomes import error_to_json
from limbeck.scale.plan import Shard
from limbeck.scale.shard import Job, answer, opened


def serve() -> None:
    """Answer shards until standard input ends."""
    given, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing that prints may stand between the messages
    job = Job(**receive(given)[0]["job"])
    try:
        classifier = opened(job)
    except LimbeckError as error:
        send(out, {"unfit": error_to_json(error)})
        return
    with classifier:
        send(out, {"ready": True})
        while True:
            shard = Shard(**receive(given)[0]["shard"])
            try:
                record = answer(job, shard, classifier, lambda rows: send(out, {"rows": rows}))
                send(out, {"record": asdict(record)})
            except LimbeckError as error:
                send(out, {"failed": error_to_json(error)})
            except BrokenPipeError:
                raise
            except Exception as error:  # a defect of ours costs one shard, and is reported
                defect = LimbeckError(f"a defect of Limbeck: {first_line(error)}", where=shard.input, fix="report it")
                send(out, {"failed": error_to_json(defect)})


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, EOFError):
        serve()
