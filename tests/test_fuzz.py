"""Damaged tables and recipes are answered row by row or refused in one line; the benchmark tries 2,000 of each kind."""

import pytest
from benchmarks.reliability_fuzz_tables import MAKERS, fuzzed

from limbeck.bundle.classifier import Classifier


@pytest.mark.parametrize("kind", [*MAKERS, "recipes"])
def test_damaged_files_hold_no_defect(bundles, tmp_path, kind):
    with Classifier(bundles("ngram")) as classifier:
        found = fuzzed(kind, 8 if kind == "Excel" else 40, tmp_path / "work", classifier)
    assert found.defects == []
    assert found.counts["refused"] > 0
