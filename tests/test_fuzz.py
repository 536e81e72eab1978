"""Damaged tables and recipes are answered row by row or refused in one line; the benchmark tries 2,000 of each kind."""

import pytest
from benchmarks.damaged_tables import RECIPE
from benchmarks.reliability_fuzz_tables import MAKERS, fuzzed

from limbeck.bundle.classifier import Classifier
from limbeck.recipe import load_recipe


@pytest.mark.parametrize("kind", [*MAKERS, "recipes"])
def test_damaged_files_hold_no_defect(bundles, tmp_path, kind):
    with Classifier(bundles("ngram")) as classifier:
        found = fuzzed(kind, 8 if kind == "Excel" else 40, tmp_path / "work", classifier)
    assert found.defects == []
    assert found.counts["refused"] > 0


def test_the_recipe_that_is_damaged_is_valid_before(tmp_path):
    (tmp_path / "r.toml").write_text(RECIPE, encoding="utf-8")
    assert load_recipe(tmp_path / "r.toml").student.network == "ngram"
