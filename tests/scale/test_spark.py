"""The adapter for Spark's mapInArrow answers record batches; Spark itself runs in the benchmark."""

import pickle

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import limbeck
from limbeck.errors import LimbeckError
from limbeck.scale.spark import Answers
from small import reviews

arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: Spark's batches are not tested")


def test_batches_get_the_answers_of_rows_in_memory_and_rows_without_one_keep_their_place(bundle):
    rows = pl.DataFrame([{"id": row["id"], "text": row["text"]} for row in reviews(30)])
    rows = rows.with_columns(text=pl.when(pl.col("id") == "r5").then(pl.lit(" ")).otherwise("text"))
    names = ["id", "label", "p:good", "error"]
    answers = pickle.loads(pickle.dumps(Answers(bundle, names)))  # as Spark sends it to its workers
    table = arrow.table({name: arrow.array(rows[name].to_list(), arrow.string()) for name in rows.columns})
    made = arrow.Table.from_batches(list(answers(iter(table.to_batches(max_chunksize=8)))))
    assert [str(kind) for kind in made.schema.types] == ["string", "string", "float", "string"]
    expected = limbeck.predict(bundle, rows, columns=names, quiet=True)
    assert_frame_equal(pl.DataFrame(made), expected)  # up to the last bit: the batches are others
    assert made["error"].null_count == 29
    types = {"id": "string", "text": "string"}
    assert answers.schema(types) == "`id` string, `label` string, `p:good` float, `error` string"


def test_what_a_batch_does_not_know_is_one_line(bundle):
    with pytest.raises(LimbeckError, match="knows no row"):
        Answers(bundle, ["row", "label"])
    with pytest.raises(LimbeckError, match="no column 'other'"):
        Answers(bundle, ["other"]).schema({"id": "string"})
