"""The document of the studio's REST API against the API itself: schemathesis makes requests from it, with all its checks.

A request that the document allows is never answered with 422 or a server error; it may be refused with 400 for what a
document cannot say (a common password, a file of another form). One that it forbids is refused. Every answer has a
status, a type and a body that the document names.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.killed_tasks import recipe, write_rows
from benchmarks.studio import site

COMMAND = "make bench ONLY=api_document"
EXAMPLES = 60  # of each operation, beside those of the phase "coverage"
ALLOWED = ["2xx", "400", "401", "403", "404", "409"]  # answers to a request that the document allows


def tried(address: str, token: str, examples: int, *, coverage: bool = True) -> tuple[int, Counter[str]]:
    """Try the API at an address; return the number of requests, and what was wrong with them with its count."""
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema

    config = SchemathesisConfig.from_dict(
        {
            "request-timeout": 60,
            # No connection is kept: the server's thread would keep one of its own to the database beyond the last request.
            "headers": {"Authorization": f"Bearer {token}", "Connection": "close"},
            "generation": {"max-examples": examples, "deterministic": True, "no-shrink": True, "database": "none"},
            "phases": {"coverage": {"enabled": coverage}, "stateful": {"enabled": coverage}},
            "checks": {"positive_data_acceptance": {"expected-statuses": ALLOWED}},
        }
    )
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", config=config, timeout=60)
    requests, wrong = 0, Counter[str]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.cases)
            wrong.update(_failures(event.recorder))
        elif isinstance(event, events.NonFatalError | events.FatalError):
            raise RuntimeError(f"schemathesis stopped: {getattr(event, 'value', event)}")
    return requests, wrong


def _failures(recorder: Any) -> list[str]:
    found = []
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                answered = recorder.interactions[case].response
                told = f"{answered.status_code} {answered.content[:200]!r}" if answered else "no answer"
                found.append(f"{recorder.label}: {check.name}: {told}")
    return found


def measure(data: Path, quick: bool = False) -> list[Figure]:  # noqa: ARG001 - all have it
    """Return the figures; ``data`` is not read."""
    import limbeck

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_rows(folder / "rows.csv", 300)
        bundle = limbeck.train(recipe(), data=folder, out=folder / "ngram").bundle
        with site(folder) as one:
            one.start("--bundle", str(bundle))
            one.sign()
            requests, wrong = tried(one.address, one.token, 1 if quick else EXAMPLES, coverage=not quick)
    for text, count in wrong.most_common(20):
        print(f"{count} times: {text}")
    return [
        Figure(
            name="requests made from the API's document with a server error or an answer outside of it",
            value=float(wrong.total()), unit="requests", better="lower", floor=0.0,
            note=f"{requests:,} requests by schemathesis, all checks", subject="studio", command=COMMAND,
        )
    ]  # fmt: skip
