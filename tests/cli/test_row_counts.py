"""Counts of rows read as a person would write them."""

import pytest

from limbeck.cli.tables import _rows


@pytest.mark.parametrize(("count", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12_000, "12,000 rows")])
def test_one_row_is_no_rows(count, text):
    assert _rows(count) == text
