"""A column that is removed is at its usual value, whatever its type; all others stay."""

import datetime

import numpy as np
import polars as pl
import pytest

from limbeck.kinds.explanation import Part
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.table.explain import removed
from limbeck.recipe import Input

DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=at) for at in range(101)]
FRAME = pl.DataFrame(
    {
        "whole": list(range(101)),
        "heavy": [float(10**at) if at > 90 else float(at) for at in range(101)],
        "text": [f"{at},5" for at in range(101)],  # a comma before the decimals
        "day": DAYS,
        "flag": ["yes", "no"] * 50 + ["yes"],
        "kind": ["a", "b", "c"] * 33 + ["a", "b"],
        "tags": ["p;q", "q"] * 50 + ["p"],
    }
)


def parts(*names):
    return [Part("column", name, 1.0) for name in names]


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_numbers_and_dates_go_to_the_median_and_the_rest_is_missing(scaling):
    encoder = TableInput.fit(Input(scaling=scaling), FRAME)
    rows = FRAME[[3, 99]]
    found = removed(encoder, rows, [parts(*FRAME.columns), parts("whole")])
    encoded, usual = encoder.encode(found), {column.name: at for at, column in enumerate(encoder.numeric)}
    for name in ("whole", "heavy", "text", "day"):
        assert encoded.numbers[0, usual[name]] == pytest.approx(0.0, abs=0.05), name
        assert encoded.missing[0, usual[name]] == 0
    assert encoded.missing[0, usual["flag"]] == 1
    assert encoded.missing[0, usual["tags"]] == 1
    assert encoded.categories[0].tolist() == [0]
    whole = encoder.encode(rows)
    others = [at for name, at in usual.items() if name != "whole"]
    np.testing.assert_array_equal(encoded.numbers[1, others], whole.numbers[1, others])
    np.testing.assert_array_equal(encoded.categories[1], whole.categories[1])


def test_nothing_named_leaves_the_rows_as_they_are():
    encoder = TableInput.fit(Input(), FRAME)
    assert removed(encoder, FRAME, [[]] * FRAME.height).equals(FRAME)
