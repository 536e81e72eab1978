"""Recipes trained undisturbed and killed, by ``killed.py``, and the claim that both bundles are the same."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from limbeck.recipe import Recipe
from small import write_recipe

SAME = {"weights.safetensors", "model.onnx", "metrics.json", "ngrams.txt", "vocabulary.json", "tokenizer.json"}


def trained_and_killed(
    data: Path, home: Path, recipes: Mapping[str, Recipe], moments: Mapping[str, Sequence[str]]
) -> Path:
    """Train each recipe into HOME/NAME/whole, and killed at its moments into HOME/NAME/cut; return ``home``."""
    for name, recipe in recipes.items():
        write_recipe(home / f"{name}.toml", recipe)
    runs = [f"{name}={','.join(moments[name])}" for name in recipes]
    command = [sys.executable, str(Path(__file__).with_name("killed.py")), str(data), str(home), *runs]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=env, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return home


def assert_same(place: Path, moments: Sequence[str]) -> None:
    """Check that the killed run went on after each kill and left the very bundle that the undisturbed one left."""
    whole, cut = place / "whole", place / "cut"
    assert (place / "cut.log").read_text("utf-8").count("resumed in epoch") == len(moments)
    names = {file.name for file in whole.iterdir()}
    assert names == {file.name for file in cut.iterdir()}
    for file in names & SAME:
        assert (whole / file).read_bytes() == (cut / file).read_bytes(), file
    assert [file.name for file in place.iterdir() if file.name.startswith(".")] == []
