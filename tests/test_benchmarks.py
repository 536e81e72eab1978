"""Every benchmark runs, in a small version and on a few of the real rows, so that none rots."""

import json
import math
from importlib import import_module
from pathlib import Path

import pytest
from benchmarks import figures, two_hosts
from benchmarks.few_rows import few_of_all
from benchmarks.figures import Figure, keep, render
from benchmarks.run import BENCHMARKS

ALL_ROWS = ("loop_on_reviews", "scale", "serving")  # need more rows of one scenario than there are among the few


@pytest.fixture(scope="module")
def few(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of the real data, with a few rows of each set."""
    return few_of_all(shared_data, tmp_path_factory.mktemp("few"))


@pytest.fixture(autouse=True)
def small_ensembles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow ensembles of few trees: a benchmark's lines are tested here, not its figures."""
    for place in ("limbeck.kinds.table.trees.TREES", "limbeck.kinds.table.trees.STEPS", "benchmarks.auto.TREES"):
        monkeypatch.setattr(place, 10)
    monkeypatch.setattr("limbeck.training.fit.grown_trees.DEFAULT_TREES", 10)


@pytest.mark.shared
@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_small_version_of_a_benchmark_runs_and_gives_figures(name, few, shared_data):
    if name == "two_hosts" and not two_hosts.possible():
        pytest.skip("network namespaces need root and iproute2")
    folder = shared_data if name in ALL_ROWS else few
    measured = import_module(f"benchmarks.{name}").measure(folder, quick=True)
    assert measured
    assert all(
        isinstance(figure, Figure) and figure.value is not None and math.isfinite(figure.value) for figure in measured
    )
    assert all(figure.command == f"make bench ONLY={name}" for figure in measured)


def test_a_missed_floor_is_shown_as_missed():
    row = {"subject": "text", "name": "x", "value": 0.5, "spread": None, "seeds": 1, "floor": 0.9, "aim": None,
           "unit": "", "better": "higher", "baseline": None, "command": "make bench ONLY=x", "note": ""}  # fmt: skip
    assert "0.5000 (missed)" in render([row])
    assert "**0.5000**" in render([{**row, "better": "lower"}])


def test_figures_that_a_command_no_longer_gives_leave_the_page_and_those_of_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(figures, "PAGE", tmp_path / "results.md")

    def one(name, value, command):
        return Figure(subject="text", name=name, value=value, unit="", better="higher", command=command)

    keep([one("old", 0.1, "first"), one("stays", 0.2, "first"), one("other", 0.3, "second")])
    keep([one("new", 0.5, "first"), one("stays", 0.4, "first")])
    kept = {row["name"]: row["value"] for row in json.loads((tmp_path / "results.json").read_text("utf-8"))}
    assert kept == {"stays": 0.4, "other": 0.3, "new": 0.5}
    assert "| old |" not in (tmp_path / "results.md").read_text("utf-8")
