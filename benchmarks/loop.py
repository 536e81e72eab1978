"""The loop after training: verdicts, audits, drift, expected accuracy, what to review, suspected labels.

Verdicts and audits are simulated, because their error rates need the truth. The rest replays labelled reviews and accounts
and hides the labels. The students of the replays are linear models of hashed n-grams, and boosted trees for tables.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.loop_labels import label_errors, queues
from benchmarks.loop_rows import Accounts, Texts
from benchmarks.loop_shifts import drifts, estimates
from benchmarks.loop_simulations import audits, verdicts
from benchmarks.loop_year import years


def measure(data: Path, *, quick: bool) -> list[Figure]:
    texts = Texts.read(data / "reviews" / "reviews.csv", 800 if quick else None)
    accounts = Accounts.read(data)
    return [
        *verdicts(4 if quick else 200),
        *audits(20 if quick else 1000),
        *drifts(texts, 2 if quick else 400),
        *estimates(texts, quick),
        *label_errors(texts, accounts, quick),
        *queues(texts, accounts, quick),
        *(years(texts, 1, weeks=8) if quick else years(texts, 20)),
    ]
