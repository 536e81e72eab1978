"""Bundles that 0.1.0 wrote load and answer as they did then; see `tests/old`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import limbeck
from old_bundles import HOME

NAMES = sorted(home.name for home in HOME.iterdir())
LAST = 2e-6  # other processors differ in the last bits of a float32; on one machine no bit differs


def given(home: Path) -> Path:
    return next(home.glob("rows*"))


def values(home: Path):
    if home.name.startswith("text"):
        return pl.read_csv(given(home))["text"].to_list()
    return pl.read_csv(given(home)) if home.name == "table" else [str(file) for file in sorted(given(home).iterdir())]


@pytest.mark.parametrize("name", NAMES)
def test_predict_writes_the_table_that_it_wrote_then(name, tmp_path):
    limbeck.predict(HOME / name / "bundle", given(HOME / name), tmp_path / "answers.csv")
    then, now = pl.read_csv(HOME / name / "answers.csv"), pl.read_csv(tmp_path / "answers.csv")
    assert now.columns == then.columns
    for column in then.columns:  # times of beats were cut after six digits then
        close = then[column].dtype.is_float()
        assert np.allclose(now[column], then[column], rtol=0, atol=LAST) if close else now[column].equals(then[column])


@pytest.mark.parametrize("name", [name for name in NAMES if (HOME / name / "probabilities.npy").is_file()])
def test_the_probabilities_are_those_of_then(name):
    then = np.load(HOME / name / "probabilities.npy", allow_pickle=False)
    assert np.allclose(limbeck.load(HOME / name / "bundle").predict_proba(values(HOME / name)), then, rtol=0, atol=LAST)
