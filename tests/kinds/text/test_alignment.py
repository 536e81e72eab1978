"""Characters of a cleaned text are traced back to the text as it was given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.kinds.text.clean import clean
from limbeck.kinds.text.explaining.alignment import alignment
from limbeck.recipe import Clean

HOW = Clean()


@pytest.mark.parametrize(
    ("text", "traced"),
    [
        ("好吃", [0, 1]),
        ("  好  吃 ", [2, 3, 5]),
        ("<b>好</b>吃 a", [3, 4, 8, 9, 10]),
        ("ＡＢ！好", [0, 1, 2, 3]),
        ("好\u200b\u200b吃", [0, 3]),
        ("\u200b好好好", [1, 2, 3]),
        ("物   物   物", [0, 1, 4, 5, 8]),
        ("好&amp;吃", [0, 1, 6]),
        ("见 http://t.cn/abc 吃", [0, 1, 2, 17, 18]),
    ],
)
def test_each_character_comes_from_where_it_stood(text, traced):
    assert alignment(text, clean(text, HOW)).tolist() == traced


def test_a_traditional_character_that_was_written_as_a_simplified_one_keeps_its_place():
    assert alignment("東西質量 太差", "东西质量 太差").tolist() == list(range(7))


@settings(max_examples=40)
@given(st.text(alphabet="ab好吃！Ａ <>&/.:htp\u200b\n", max_size=60))
def test_any_text_is_traced_in_order_and_within_itself(text):
    cleaned = clean(text, HOW)
    traced = alignment(text, cleaned)
    assert len(traced) == len(cleaned)
    assert (np.diff(traced) >= 0).all()
    assert ((traced >= 0) & (traced < max(len(text), 1))).all()


@settings(max_examples=40)
@given(st.lists(st.sampled_from("物流很快水果新鲜质量太差"), min_size=1, max_size=30), st.integers(0, 5))
def test_text_between_blanks_and_marks_keeps_its_letters(letters, blanks):
    text = ("\u3000" * blanks).join(letters)
    cleaned = clean(text, HOW)
    assert [text[at] for at in alignment(text, cleaned)] == [c if c != " " else "\u3000" for c in cleaned]
