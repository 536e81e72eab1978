"""A message is its English text to whoever reads it as text, and a code with values to whoever decides."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from limbeck.messages.message import (
    as_json,
    both,
    code_of,
    from_json,
    message,
    render,
    restored,
    shown_as_codes,
    stored,
)

RATES = message("teachers.cut_at_rates", rates=np.array([0.25, 0.75]))
CAMPS = message("teachers.camps", count_for=np.int64(1200), count_against=3)


def test_a_message_is_its_english_text_with_a_code_and_values():
    assert str(CAMPS) == CAMPS
    assert "1,200 speak against 3" in CAMPS
    assert (CAMPS.code, dict(CAMPS.values)) == ("teachers.camps", {"count_for": 1200, "count_against": 3})
    assert json.loads(json.dumps([CAMPS])) == [str(CAMPS)]
    assert "1,200 个与 3 个" in render(CAMPS, "zh")
    assert both("as it is") == ("as it is", "as it is")
    assert code_of("as it is") == ""


def test_it_never_changes_and_survives_copies():
    with pytest.raises(AttributeError):
        CAMPS.code = "teachers.one"
    with pytest.raises(TypeError):
        CAMPS.values["count_for"] = 2
    for again in (copy.deepcopy(CAMPS), copy.copy(CAMPS), pickle.loads(pickle.dumps(CAMPS))):
        assert (again, again.code, again.values) == (CAMPS, CAMPS.code, CAMPS.values)


def test_equal_codes_with_other_values_differ_even_when_shown_as_codes():
    with shown_as_codes():
        one, other = message("teachers.reviewed", count=1), message("teachers.reviewed", count=2)
        assert str(one) == str(other) == render(one, "zh") == "teachers.reviewed"
        assert one != other
        assert len({one, other}) == 2
    assert message("teachers.reviewed", count=1) == one


def test_lists_are_joined_as_each_language_does_it():
    assert RATES.endswith(": 0.25, 0.75.")
    assert render(RATES, "zh").endswith("：0.25、0.75。")
    named = CAMPS.with_values(count_for=2)
    assert "2 speak against 3" in named


def test_values_are_filled_in_as_data():
    hostile = "{count_for} {0.__class__} %s {{"
    told = message("teachers.domain_won", form=hostile)
    assert hostile in told
    assert hostile in render(told, "zh")


def test_codes_and_values_pass_through_json():
    texts = [CAMPS, RATES, "a plain one"]
    beside = json.loads(json.dumps(stored(texts)))
    back = restored([str(text) for text in texts], beside)
    assert back == texts
    assert [code_of(text) for text in back] == ["teachers.camps", "teachers.cut_at_rates", ""]
    assert [render(text, "zh") for text in back] == [render(text, "zh") for text in texts]


@pytest.mark.parametrize(
    "raw",
    [
        None, 3, "teachers.one", {}, {"code": 3, "values": {}}, {"code": "teachers.one"},
        {"code": "teachers.of_tomorrow", "values": {}}, {"code": "teachers.one", "values": []},
        {"code": "teachers.shapley", "values": {"permutations": 3, "error": "large"}},
        {"code": "teachers.shapley", "values": {"permutations": 3, "error": [[[[[[[[[[[[1]]]]]]]]]]]]}},
        {"code": "teachers.copies", "values": {"teachers": [0] * 50_000}},
        {"code": "teachers.copies", "values": {"teachers": {"code": "no", "values": {}}}},
        {"code": "teachers.few", "values": {"count": 10**5000, "enough": 5}},
    ],
)  # fmt: skip
def test_what_is_no_message_of_ours_leaves_the_text_as_it_is(raw):
    assert from_json(raw, "the text") == "the text"
    assert restored(["the text"], [raw]) == ["the text"]
    assert restored(["the text"], raw) == ["the text"]


def test_a_file_without_messages_shows_its_sentences():
    assert restored(["one", "two"], None) == ["one", "two"]
    assert restored(["one", "two"], [as_json(CAMPS)]) == ["one", "two"]
