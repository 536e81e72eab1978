"""Simulation of a job on 1,000 one-core nodes, of which some fail and some are slow; see benchmarks/scale.py."""

from __future__ import annotations

import heapq
import random

from benchmarks.figures import Figure

COMMAND = "make bench ONLY=scale"
NODES, FAIL, SLOW, FACTOR, SHARD = 1_000, 0.01, 0.01, 10.0, 10_000


def thousand_nodes(rate: float, rows: int = 10**9) -> Figure:
    """Simulate the plan on 1,000 one-core nodes: 1 % of tasks fail half-way, 1 % run ten times slower."""
    overhead, backups = (simulated(rate, rows, backup=backup) for backup in (False, True))
    note = (
        f"{rows:,} rows in shards of {SHARD:,} at the measured {rate:,.0f} rows/s a core: {100 * overhead:.0f} % over the ideal time. "
        f"With a second copy of tasks that take three times the usual time it would be {100 * backups:.0f} %."
    )
    return Figure(
        "scale", "simulation of 1,000 nodes: time over the ideal", 100.0 * overhead, "%", "lower", COMMAND, note=note
    )


def simulated(rate: float, rows: int, *, backup: bool, seed: int = 0) -> float:
    """Return by how much the time of the plan is over rows / (rate x nodes); events are ends of tasks."""
    chance, shards = random.Random(seed), rows // SHARD
    usual = SHARD / rate
    ends = [0.0] * NODES
    heapq.heapify(ends)
    waiting, last = shards, 0.0
    while waiting:
        at = heapq.heappop(ends)
        waiting -= 1
        took = usual * (FACTOR if chance.random() < SLOW else 1.0)
        if backup and took > 3 * usual:
            took = 4 * usual  # the copy begins once three times the usual time has passed
        while chance.random() < FAIL:
            took += usual / 2  # the part that is lost
        heapq.heappush(ends, at + took)
        last = max(last, at + took)
    return last / (rows / rate / NODES) - 1.0
