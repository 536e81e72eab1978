"""What importing and asking for help cost, in CPU seconds of a fresh process."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.figures import Figure

COMMAND = "make bench ONLY=startup"
NO_TORCH = "import sys, limbeck; sys.exit('torch' in sys.modules)"


def cpu_seconds(command: list[str], times: int) -> float:
    """Return the median CPU time of a command."""
    taken = []
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken)


def measure(data: Path, *, quick: bool) -> list[Figure]:
    del data
    times = 1 if quick else 9
    python = sys.executable
    subprocess.run([python, "-c", NO_TORCH], check=True)
    return [
        Figure("text", 'python -c "import limbeck"', cpu_seconds([python, "-c", "import limbeck"], times), "s CPU",
               "lower", COMMAND, floor=0.3, note="torch is not imported; the run fails if it is."),
        Figure("text", "limbeck --help", cpu_seconds([str(Path(python).with_name("limbeck")), "--help"], times),
               "s CPU", "lower", COMMAND, floor=0.5),
    ]  # fmt: skip
