"""Two to eight runs that fill one cache at once: no answer is mixed or lost, and no row is asked twice.

Each round begins runs together in processes of their own, with parts of the rows that overlap; in every fourth round one
is killed while it asks, and the others go on. What each was asked is written down by the teacher itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=reliability_cache"
ROWS, BLOCK = 96, 16
# One interpreter forks all the writers of all rounds: two hundred times eight imports would take an hour. It asks for
# nothing itself, since polars hangs in a process that forks after it was used.
CHILD = """
import os, random, signal, sys, tempfile, time, json
from pathlib import Path
import numpy as np
import polars as pl
from limbeck.teachers import answers

class Noted:
    name, fingerprint, classes, columns = "noted", "a" * 32, ("bad", "good"), ("x",)
    def __init__(self, block, log, slow):
        self.block, self.log, self.slow = block, log, slow
    def answer(self, rows):
        time.sleep(self.slow)
        good = rows["x"].to_numpy()
        with open(self.log, "a") as file:
            file.write("".join(f"{round(x * count)}\\n" for x in good))
        return np.stack([1 - good, good], axis=1).astype(np.float32)

def begin(part, cache, log, slow):
    pid = os.fork()
    if not pid:
        code = 1
        try:
            rows = pl.DataFrame({"x": [n / count for n in part]})
            got = answers([Noted(block, log, slow)], rows, folder=cache, quiet=True)[0]
            code = 0 if np.allclose(got[:, 1], np.array(part) / count, atol=1e-3) else 3
        finally:
            os._exit(code)
    return pid

rounds, count, block = map(int, sys.argv[1:])
found = {"rounds": rounds, "writers": 0, "killed": 0, "mixed": 0, "lost": 0, "twice": 0, "failed": 0}
for number in range(rounds):
    dice = random.Random(number)
    with tempfile.TemporaryDirectory() as place:
        cache, log = Path(place, "cache"), Path(place, "log")
        log.touch()
        writers, victim = dice.randint(2, 8), None
        pids = []
        for at in range(writers):
            start = dice.randint(0, count // 3)
            part = range(start, count - dice.randint(0, count // 3)) if at else range(count)
            pids.append(begin(part, cache, log, 0.002))
        if number % 4 == 3:
            time.sleep(dice.random() * 0.06)
            victim = pids[dice.randrange(writers)]
            os.kill(victim, signal.SIGKILL)
        codes = {pid: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids}
        killed = victim is not None and codes[victim] == -signal.SIGKILL
        found["writers"] += writers
        found["killed"] += killed
        rest = [code for pid, code in codes.items() if pid != victim]
        found["mixed"] += 3 in codes.values()
        found["failed"] += any(code not in (0, 3) for code in rest)
        asked = [int(line) for line in log.read_text().split()]
        extra = len(asked) - len(set(asked))
        # A kill between an answer and its place on the disk costs that block, and no other.
        found["twice"] += extra > (block if killed else 0)
        if not any(code for code in rest):
            before = len(asked)
            again = os.waitstatus_to_exitcode(os.waitpid(begin(range(count), cache, log, 0), 0)[1])
            # The first run was to ask about every row; where it was killed, the others may not have.
            found["lost"] += len(log.read_text().split()) > before and victim != pids[0]
            found["mixed"] += again == 3
            found["failed"] += again not in (0, 3)
print(json.dumps(found))
"""


def measure(data: Path, *, quick: bool) -> list[Figure]:
    """Return in how many rounds something was mixed, lost, asked twice, or a run failed."""
    del data

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", CHILD, str(4 if quick else 200), str(ROWS), str(BLOCK)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit("the rounds could not be made")
    found = json.loads(done.stdout.splitlines()[-1])
    print(found, flush=True)
    note = (
        f"{found['rounds']} rounds of {found['writers']} runs in all, {found['killed']} of them killed while they ran."
    )
    faults = {"mixed": "with mixed answers", "lost": "with lost answers", "twice": "with rows asked twice",
              "failed": "with a run that fails"}  # fmt: skip
    return [
        Figure("reliability", f"2 to 8 runs with one cache: rounds {words}", found[key], "", "lower", COMMAND, floor=0,
               note=note)
        for key, words in faults.items()
    ]  # fmt: skip
