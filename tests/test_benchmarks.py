"""Every benchmark runs, in a small version, so that none rots."""

from importlib import import_module

import pytest
from benchmarks.figures import Figure, render
from benchmarks.run import BENCHMARKS


@pytest.mark.shared
@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_small_version_of_a_benchmark_runs_and_gives_figures(name, shared_data):
    figures = import_module(f"benchmarks.{name}").measure(shared_data, quick=True)
    assert figures
    assert all(isinstance(figure, Figure) and figure.value is not None for figure in figures)
    assert all(figure.command == f"make bench ONLY={name}" for figure in figures)


def test_a_missed_floor_is_shown_as_missed():
    row = {"subject": "text", "name": "x", "value": 0.5, "spread": None, "seeds": 1, "floor": 0.9, "aim": None,
           "unit": "", "better": "higher", "baseline": None, "command": "make bench ONLY=x", "note": ""}  # fmt: skip
    assert "0.5000 (missed)" in render([row])
    assert "**0.5000**" in render([{**row, "better": "lower"}])
