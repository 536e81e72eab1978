"""Replays of the reviews with a domain left out: drift, and accuracy expected without labels."""

from __future__ import annotations

import numpy as np

from benchmarks.figures import Figure
from benchmarks.loop_rows import Texts, calibrated, figure
from limbeck.bundle.reference import reference_of
from limbeck.monitoring.drift import drift
from limbeck.monitoring.estimated_accuracy import estimated_accuracy
from limbeck.monitoring.two_samples import two_samples


def drifts(texts: Texts, weeks: int) -> list[Figure]:
    """Weeks of the domains that were learned from, and weeks of another domain, against the reference."""
    domains = sorted(set(texts.domains.tolist()))
    alarms: dict[str, list[float]] = {"bundle's reference": [], "classifier two-sample test": []}
    caught: dict[str, list[float]] = {name: [] for name in alarms}
    rng = np.random.default_rng(0)
    for number, away in enumerate(domains[:weeks]):
        home = texts.domains != away
        rows = rng.permutation(np.flatnonzero(home))
        learned, valid, fresh = np.split(rows, [len(rows) * 4 // 10, len(rows) * 5 // 10])
        answer = calibrated(texts, learned[:8000], valid[:3000])
        old, p = valid[:3000], answer(valid[:3000])
        kept = reference_of(
            ["0", "1"], p.astype(np.float32), p.argmax(axis=1), texts.labels[old],
            ("characters", texts.sizes[old]), texts.vectors[old][:2000],
        )  # fmt: skip
        other = np.flatnonzero(~home)
        for week in range(max(1, weeks // len(domains))):
            size = (200, 500, 2000)[(number + week) % 3]
            for found, pool in ((alarms, fresh), (caught, other)):
                window = rng.choice(pool, min(size, len(pool)), replace=False)
                p = answer(window)
                drifted = drift(
                    kept, p, p.argmax(axis=1), sizes=texts.sizes[window], vectors=texts.vectors[window], seed=week
                ).drifted
                found["bundle's reference"].append(float(bool(drifted)))
                found["classifier two-sample test"].append(
                    float(two_samples(texts.vectors[old], texts.vectors[window], seed=week).drifted)
                )
    out = []
    for name in alarms:
        note = f"{len(alarms[name])} windows of 200, 500 or 2,000 rows."
        out.append(
            figure(
                f"drift, {name}: false alarms on weeks of the same domains",
                [100 * float(np.mean(alarms[name]))],
                "%",
                "lower",
                floor=5.0,
                note=note,
            )
        )
        out.append(
            figure(
                f"drift, {name}: weeks of another domain found",
                [100 * float(np.mean(caught[name]))],
                "%",
                floor=90.0,
                note=note,
            )
        )
    return out


def estimates(texts: Texts, quick: bool) -> list[Figure]:
    """Expected against measured accuracy on each domain, which the model has not seen at all."""
    domains = sorted(set(texts.domains.tolist()))
    off, trusted, notes = [], [], []
    for away in domains[: 1 if quick else None]:
        home = texts.domains != away
        learned = np.random.default_rng(0).permutation(np.flatnonzero(home & (texts.split == "train")))[:20_000]
        valid = np.flatnonzero(home & (texts.split == "valid"))
        rows = np.flatnonzero(~home & (texts.split == "test"))
        answer = calibrated(texts, learned, valid)
        p = answer(rows)
        apart = two_samples(texts.vectors[valid], texts.vectors[rows]).auc
        estimate = estimated_accuracy(p, p.argmax(axis=1), apart=apart)
        true = float((p.argmax(axis=1) == texts.labels[rows]).mean())
        off.append(100 * abs(estimate.value - true))
        notes.append(
            f"{away} {100 * estimate.value:.1f} for {100 * true:.1f} (AUC {apart:.2f}{'' if estimate.trusted else ', warned'})"
        )
        if estimate.trusted:
            trusted.append(off[-1])
    note = "; ".join(notes) + "."
    out = [
        figure(
            "expected accuracy without labels: distance from the measured one, mean of all domains",
            [float(np.mean(off))],
            "points",
            "lower",
            floor=4.0,
            note=note,
        )
    ]
    if trusted:
        out.append(
            figure(
                "the same, where nothing is warned of",
                [float(np.mean(trusted))],
                "points",
                "lower",
                note=f"{len(trusted)} of {len(off)} domains.",
            )
        )
    return out
