"""Hidden features: asked once, kept whole whatever their size, and only of teachers that have some."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limbeck.errors import LimbeckError
from limbeck.teachers import AnswerError, answers, features, gives_features, guide_of, standardised
from limbeck.teachers.cache.hidden_features import _halves, _restored

from .make import Counting, opened
from .test_kinds import transformer  # noqa: F401  a fixture

ROWS = pl.DataFrame({"x": [0.25, 0.5, 0.25, 0.75], "y": ["a", "b", "c", "d"]})
LABELS = {"NEG": "bad", "POS": "good"}


class Deep(Counting):
    """A teacher with two features, one of them far beyond half precision."""

    width = 2
    gives = staticmethod(lambda x: np.stack([x, x * 1e6], axis=1))

    def features(self, rows):
        self.asked += rows.height
        return self.gives(rows["x"].to_numpy())


def test_features_are_asked_once_and_are_the_same_from_the_cache(tmp_path):
    teacher = Deep()
    fresh = features(teacher, ROWS, folder=tmp_path, quiet=True)
    assert teacher.asked == 3
    assert fresh.dtype == np.float32
    np.testing.assert_allclose(fresh[:, 1], ROWS["x"].to_numpy() * 1e6, rtol=1e-3)
    np.testing.assert_array_equal(features(teacher, ROWS[::-1], folder=tmp_path, quiet=True)[::-1], fresh)
    assert teacher.asked == 3
    assert features(teacher, ROWS[:0], folder=tmp_path, quiet=True).shape == (0, 2)


def test_a_changed_teacher_row_or_view_is_a_miss_and_answers_stay_apart(tmp_path):
    changed = ROWS.with_columns(pl.col("x") + 1)
    cases = [(Deep(), ROWS, 0), (Deep(fingerprint="e" * 32), ROWS, 0), (Deep(), ROWS, 1), (Deep(), changed, 0)]
    for teacher, rows, view in cases:
        features(teacher, rows, folder=tmp_path, view=view, quiet=True)
        assert teacher.asked == 3
    teacher = Deep()
    assert answers([teacher], ROWS, folder=tmp_path, quiet=True).shape == (1, 4, 2)
    assert teacher.asked == 3


numbers = st.floats(min_value=-(2.0**100), max_value=2.0**100, width=32, allow_subnormal=False)


@settings(max_examples=200, deadline=None)
@given(arrays(np.float32, (3, 5), elements=numbers))
def test_a_kept_number_is_right_to_eleven_bits_or_to_the_tenth_millionth_of_its_row(given):
    found = _restored(_halves(given))
    largest = np.abs(given).max(axis=1, keepdims=True)
    assert (np.abs(found - given) <= np.maximum(np.abs(given) * 2.0**-11, largest * 1e-7)).all()


def test_a_row_without_features_stays_one_and_others_are_refused(tmp_path):
    assert np.isnan(_restored(_halves(np.full((1, 3), np.nan, np.float32)))).all()
    for gives, message in {
        lambda x: np.stack([x, x, x], axis=1): r"features of the shape \(3, 3\) for 3 rows of 2",
        lambda x: np.stack([x, np.where(x == 0.5, np.inf, x)], axis=1): "row 2: its features hold a number that is not",
        lambda x: np.stack([x, np.where(x == 0.5, np.nan, x)], axis=1): "row 2: its features hold a number that is not",
    }.items():
        teacher = Deep()
        teacher.gives = gives
        with pytest.raises(AnswerError, match=message):
            features(teacher, ROWS, folder=tmp_path, quiet=True)


def test_standardised_features_have_mean_0_and_deviation_1_and_constants_are_0():
    given = np.array([[1, 5, 1e6], [2, 5, 2e6], [np.nan] * 3, [6, 5, 9e6]], dtype=np.float32)
    found = standardised(given)
    assert np.isnan(found[2]).all()
    known = found[[0, 1, 3]]
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(known.std(axis=0), [1, 0, 1], atol=1e-6)


def test_a_transformer_gives_the_mean_of_its_last_states(transformer):  # noqa: F811
    import torch
    from transformers import AutoModel, AutoTokenizer

    rows = pl.DataFrame({"text": ["物流很快，水果新鲜", "差", None, "质量太差，再也不买了"]})
    teacher = opened(f"huggingface:{transformer}", labels=LABELS, batch_size=2)
    assert gives_features(teacher) and teacher.width == 16
    found = teacher.features(rows)
    assert found.dtype == np.float32
    assert np.isnan(found[2]).all()
    tokenizer, model = AutoTokenizer.from_pretrained(transformer), AutoModel.from_pretrained(transformer).eval()
    for text, row in zip(rows["text"], found, strict=True):
        if text is not None:
            with torch.inference_mode():
                states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
            np.testing.assert_allclose(row, states[0].mean(dim=0).numpy(), atol=1e-5)
    assert teacher.features(rows[2:3]).shape == (1, 16)


def test_columns_of_numbers_are_features_of_a_column_teacher():
    rows = pl.DataFrame({"score": [0.5, 0.9], "a": ["1", ""], "b": [3.0, 4.0]})
    teacher = opened("column:score", options={"features": ["a", "b"]})
    assert (teacher.width, teacher.columns) == (2, ("score", "a", "b"))
    np.testing.assert_array_equal(teacher.features(rows), [[1, 3], [np.nan, np.nan]])
    np.testing.assert_allclose(teacher.answer(rows), [[0.5, 0.5], [0.1, 0.9]], atol=1e-6)
    plain = opened("column:score")
    assert not gives_features(plain)
    assert plain.fingerprint != teacher.fingerprint
    with pytest.raises(AnswerError, match="reads the column 'b', which the rows lack"):
        teacher.features(rows.drop("b"))


def test_the_teacher_to_learn_from_is_the_only_one_or_the_one_that_is_named():
    plain, deep = Counting(), Deep()
    deep.name = "deep"
    other = Deep()
    other.name = "other"
    assert guide_of([plain, deep], None) is deep
    assert guide_of([deep, other], "other") is other
    for teachers, name, message in [
        ([plain], None, "recipe: no teacher gives features, .*'distil-hidden' learns; use a huggingface: teacher"),
        ([plain, deep], "count", "the teacher 'count' gives no features"),
        ([plain, deep], "dep", "objective.hidden: no teacher is named 'dep'; did you mean 'deep'"),
        ([deep, other], None, "2 teachers give features: 'deep', 'other'; name one in objective.hidden"),
    ]:
        with pytest.raises(LimbeckError, match=message):
            guide_of(teachers, name)
