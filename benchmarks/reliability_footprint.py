"""What Limbeck leaves on a machine and asks of the network: an empty home folder, and the kernel's word for the rest.

Import, load, predict, evaluate and train run under strace as a user whose home folder is empty. Every file that is
created or opened for writing counts, unless it is the output that was asked for, or lies in the temporary folder and is
gone at the end; so does every socket. Without strace the home folder and Python's own events are what is seen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

COMMAND = "make bench ONLY=reliability_footprint"
ROOT = Path(__file__).parent.parent
STEPS = {
    "import": "import limbeck; limbeck.load, limbeck.predict, limbeck.evaluate",
    "load": "import limbeck; limbeck.load('bundle').predict_proba(['物流很快'])",
    "predict": "import limbeck; limbeck.predict('bundle', 'rows.csv', 'out/answers.csv', quiet=True)",
    "evaluate": "import limbeck; limbeck.evaluate('bundle', 'rows.csv', bootstrap=5, report='out/report.html')",
    "train": "import limbeck; limbeck.train('recipe.toml', out='out/bundle')",
}
_RECIPE = """
[task]
kind = "text"
classes = { 0 = "bad", 1 = "good" }
[data]
train = "rows.csv"
[input]
encoder = "ngrams"
buckets = 512
[student]
network = "ngram"
[training]
epochs = 1
threads = 1
device = "cpu"
[evaluation]
bootstrap = 5
baseline = false
[export]
int8 = "never"
"""
_OURS = ("ORT_", "XDG_", "HF_", "TORCH", "MPL", "LIMBECK_", "TRANSFORMERS_")
_CALLS = "network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,symlink,symlinkat,link,linkat"
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')


def measure(data: Path, *, quick: bool) -> list[Any]:
    """Return how many files and sockets there were that nobody asked for."""
    from benchmarks.figures import Figure

    del data
    files: list[str] = []
    sockets: list[str] = []
    with tempfile.TemporaryDirectory(prefix="limbeck-footprint-") as folder:
        work = Path(folder).resolve()
        for name in ("home", "temporary", "out"):
            (work / name).mkdir()
        rows = [f"第{k}条讲的是{k * k * 97}件事{'很好' if k % 2 else '太差'},{k % 2}\n" for k in range(200)]
        (work / "rows.csv").write_text("text,label\n" + "".join(rows), "utf-8")
        (work / "recipe.toml").write_text(_RECIPE, "utf-8")
        _step("import limbeck; limbeck.train('recipe.toml', out='bundle')", work, None)
        for name in ("load", "predict") if quick else STEPS:
            calls = work / "calls" if shutil.which("strace") else None
            _step(STEPS[name], work, calls)
            made, asked = _seen(calls, work) if calls else ([], [])
            files += [f"{name}: {one}" for one in made]
            sockets += [f"{name}: {one}" for one in asked]
            left = [path for place in ("home", "temporary") for path in (work / place).rglob("*")]
            files += [f"{name}: left {path.relative_to(work)}" for path in left]
    for line in [*files, *sockets][:60]:
        print("  ", line, flush=True)
    how = "seen by strace" if shutil.which("strace") else "without strace: only the home folder was looked at"
    note = f"{'load and predict' if quick else ', '.join(STEPS)}, with an empty home folder; {how}"
    return [
        Figure(
            "reliability", "files written that nobody asked for", len(files), "", "lower", COMMAND, floor=0, note=note
        ),
        Figure("reliability", "sockets and look-ups", len(sockets), "", "lower", COMMAND, floor=0, note=note),
    ]


def _step(code: str, work: Path, calls: Path | None) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    environment |= {"HOME": str(work / "home"), "TMPDIR": str(work / "temporary"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)])}
    watch = ["strace", "-f", "-qq", "-s", "400", "-e", f"trace={_CALLS}", "-o", str(calls)] if calls else []
    done = subprocess.run(
        [*watch, sys.executable, "-c", code], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{code}: {done.stderr[-2000:]}")


def _seen(calls: Path, work: Path) -> tuple[list[str], list[str]]:
    """Return the files that were written elsewhere than asked, and the sockets."""
    made, asked = set(), set()
    ours = (str(work / "out"), str(work / "temporary"), "out/", "/dev/", "/proc/self/", str(calls))
    for line in calls.read_text("utf-8", "replace").splitlines():
        call = line.split(None, 1)[1] if " " in line else line
        if call.startswith(("socket(", "connect(", "sendto(", "sendmsg(", "bind(")):
            # Two ends of one pipe, and the helpers of one's own process, leave the machine as little as a pipe does.
            asked.add(call[:160])
        elif call.startswith(("open", "creat")):
            writes = "O_WRONLY" in call or "O_RDWR" in call or "O_CREAT" in call or call.startswith("creat")
            path = _PATH.search(call)
            if writes and path and " = -1 " not in call and not path.group(1).startswith(ours):
                made.add(path.group(1))
        elif not call.startswith(("<", "+++", "---", "socketpair(", "getsockname(", "getsockopt(", "setsockopt(")):
            paths = _PATH.findall(call)
            if paths and " = -1 " not in call and not paths[-1].startswith(ours):
                made.add(f"{call.partition('(')[0]} {paths[-1]}")
    return sorted(made), sorted(asked)
