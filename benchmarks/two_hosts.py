"""Training on two hosts, one of which is cut off: how soon that is said, and whether the weights are the same after.

The hosts are network namespaces of Linux with an address each and a cable between them; the cable is pulled out in an
epoch. That needs root. Both hosts see the same folder, as the hosts of a cluster do.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=two_hosts"
SETTINGS = [
    "data.where.domain=酒店", "training.average=0", "training.precision=fp32", "training.device=cpu", "training.epochs=3",
    "evaluation.bootstrap=0", "export.int8=never", "student.hidden=16", "input.max_length=32", "student.bigrams=256",
    "input.wide=false",
]  # fmt: skip
PORT = 29533


def measure(data: Path, *, quick: bool) -> list[Figure]:
    patience = 8.0 if quick else 40.0
    with tempfile.TemporaryDirectory() as scratch, two_hosts() as hosts:
        runs = Runs(hosts, data / "reviews", Path(scratch), patience)
        whole = runs.whole("whole")
        seconds, lines = runs.cut("cut")
        cut = runs.whole("cut", "--resume")
    same = whole.keys() == cut.keys() and all((whole[name] == cut[name]).all() for name in whole)
    how = "two network namespaces, torchrun and gloo, a small GRU of recipes/sentiment.toml on the hotels; the cable is pulled out in an epoch"
    return [
        Figure("scale", "one of two hosts cut off: until both have ended", seconds, "s", "lower", COMMAND, floor=60.0, note=f"{how}; a process is given up after {patience:.0f} s of silence."),
        Figure("scale", "one of two hosts cut off: hosts that say so in one clear line", float(lines), "", "higher", COMMAND, floor=2.0, note=how),
        Figure("scale", "one of two hosts cut off: weights after --resume are those of a run without", float(same), "", "higher", COMMAND, floor=1.0, note="1: bit for bit"),
    ]  # fmt: skip


def possible() -> bool:
    """Whether this machine lets us make network namespaces."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError), two_hosts():
        return True
    return False


@dataclass(frozen=True)
class Hosts:
    """Two network namespaces; the first has the address 10.77.0.1."""

    names: tuple[str, str]

    def run(self, at: int, *words: object, **more: object) -> subprocess.Popen[str]:
        """Start a command on a host."""
        return subprocess.Popen(["ip", "netns", "exec", self.names[at], *map(str, words)], text=True, **more)  # type: ignore[call-overload, no-any-return]

    def plug(self, state: str) -> None:
        """Pull the cable out of the second host, ``down``, or plug it in, ``up``."""
        _ip("-n", self.names[1], "link", "set", "cable", state)


@contextlib.contextmanager
def two_hosts() -> Iterator[Hosts]:
    """Make two hosts with a cable between them, and remove them."""
    mark = secrets.token_hex(3)
    names = (f"lbk{mark}a", f"lbk{mark}b")
    try:
        for name in names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
        for name, address in zip(names, ("10.77.0.1/24", "10.77.0.2/24"), strict=True):
            _ip("-n", name, "address", "add", address, "dev", "cable")
            _ip("-n", name, "link", "set", "cable", "up")
        yield Hosts(names)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, stderr=subprocess.DEVNULL)


@dataclass(frozen=True)
class Runs:
    """Trainings on both hosts."""

    hosts: Hosts
    data: Path
    scratch: Path
    patience: float

    def start(self, out: str, *more: str) -> list[subprocess.Popen[str]]:
        """Start a training, a process on each host."""
        given = [word for setting in SETTINGS for word in ("--set", setting)]
        train = ["-m", "limbeck", "train", ROOT / "recipes" / "sentiment.toml", "--data", self.data, "--out"]
        env = os.environ | {
            "OMP_NUM_THREADS": "1", "LIMBECK_HOME": str(self.scratch), "LIMBECK_LOST_SECONDS": str(self.patience),
            "GLOO_SOCKET_IFNAME": "cable", "TP_SOCKET_IFNAME": "cable", "PYTHONPATH": f"{ROOT / 'src'}",
        }  # fmt: skip
        launch = [
            sys.executable, "-m", "torch.distributed.run", "--nnodes", 2, "--nproc-per-node", 1, "--master-addr",
            "10.77.0.1", "--master-port", PORT,
        ]  # fmt: skip
        return [
            self.hosts.run(
                rank, *launch, "--node-rank", rank, *train, self.scratch / out, *given, *more,
                env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            )
            for rank in (0, 1)
        ]  # fmt: skip

    def whole(self, out: str, *more: str) -> dict[str, object]:
        """Return the weights of a training that nothing disturbs."""
        running = self.start(out, *more)
        said = [one.communicate(timeout=1200)[1] for one in running]
        if any(one.returncode for one in running):
            raise RuntimeError("\n".join(text[-2000:] for text in said))
        return load_file(self.scratch / out / "weights.safetensors")

    def cut(self, out: str) -> tuple[float, int]:
        """Pull the cable out after an epoch; return seconds until both hosts have ended, and how many say why."""
        running = self.start(out)
        checkpoint = self.scratch / f".{out}.training"
        while not list(checkpoint.rglob("checkpoint.pt")):
            if any(one.poll() is not None for one in running):
                raise RuntimeError("\n".join(one.communicate()[1][-2000:] for one in running))
            time.sleep(0.01)
        self.hosts.plug("down")
        started = time.monotonic()
        said = [one.communicate(timeout=300)[1] for one in running]
        seconds = time.monotonic() - started
        self.hosts.plug("up")
        return seconds, sum("error: torchrun: another process of this run" in text for text in said)
