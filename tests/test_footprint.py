"""What Limbeck leaves on a machine and asks of the network: nothing but the outputs."""

import os
import shutil
import subprocess
import sys

import pytest

from small import reviews, write_csv

USE = """
import sys
import limbeck
classifier = limbeck.load(sys.argv[1])
classifier.predict_proba(["物流很快"])
limbeck.predict(classifier, sys.argv[2], sys.argv[3], quiet=True)
classifier.close()
"""
TEACH = """
import sys
from pathlib import Path
from limbeck.bundle.session import open_session
open_session(Path(sys.argv[1], "model.onnx"))
"""


@pytest.fixture
def elsewhere(tmp_path):
    """The environment of a user whose home folder is empty, and who set nothing."""
    gone = ("ORT_", "XDG_", "HF_", "TORCH", "MPL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(gone)}
    (tmp_path / "home").mkdir()
    return kept | {"HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.parametrize("code", [USE, TEACH], ids=["load and predict", "open a model"])
def test_nothing_is_left_in_the_home_folder_and_nobody_is_looked_up(code, elsewhere, tmp_path, bundles):
    write_csv(tmp_path / "rows.csv", reviews(20))
    traced = tmp_path / "calls"
    watch = ["strace", "-f", "-qq", "-e", "trace=network", "-o", traced] if shutil.which("strace") else []
    command = [*watch, sys.executable, "-c", code, bundles(), tmp_path / "rows.csv", tmp_path / "out.csv"]
    done = subprocess.run(command, env=elsewhere, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "home").rglob("*")) == []
    if watch:
        called = [line for line in traced.read_text().splitlines() if "socket(" in line or "connect(" in line]
        assert called == []
