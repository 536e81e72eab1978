"""Rules: the grammar, what it means on real cells, and what it refuses."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest

from limbeck.errors import LimbeckError
from limbeck.teachers.expression import Expression

from .make import opened

ROWS = pl.DataFrame(
    {
        "text": ["加微信 Free", "hello; -> @ world", "", None, "123456"],
        "likes": ["10", "200", "", None, "abc"],  # as a CSV file gives them
        "n": [1, 2, None, 4, 5],
        "f": [0.5, float("nan"), None, 0.0, -1.0],
        "ok": [True, False, None, True, False],
        "flag": ["true", "0", "", "1", "no"],
        "other": [1, 5, 3, 4, 0],
        "day": [datetime.date(2024, 1, day) for day in range(1, 6)],
        "出生 年份": [0, 1990, 0, 2000, 5],
    }
)


def holds(condition: str) -> list[int]:
    """The rows, from 0, where a condition holds."""
    return ROWS.select(Expression(condition).on(ROWS.schema).alias("x"))["x"].arg_true().to_list()


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("likes > 100", [1]),
        ("likes <= 100", [0]),
        ("not (likes > 100)", [0]),  # neither an empty cell nor one that is no number holds
        ("likes == 10", [0]),
        ('likes == "10"', [0]),
        ("10 <= likes < 201", [0, 1]),
        ("n + 1 == 3 or n == 5", [1, 4]),
        ("n > other", [4]),
        ("n != other", [1, 4]),
        ("n - -1 > 5", [4]),
        ("1 / f > 1", [0, 3]),
        ("f / f != 1", []),  # 0/0 and NaN are no numbers
        ("f > -5", [0, 3, 4]),
        ("ok", [0, 3]),
        ("not ok", [1, 4]),
        ("ok == True", [0, 3]),
        ("flag", [0, 3]),
        ("not flag", [1, 4]),
        ("n in [1, 4]", [0, 3]),
        ("n not in (1, 4)", [1, 4]),
        ('flag in ["no", "0"]', [1, 4]),
        ('"微信" in text', [0]),
        ('"free" in lower(text)', [0]),
        ('"." in text', []),
        ('contains(text, "o; -> @")', [1]),
        (r'matches(text, "^\\d{6}$")', [4]),
        (r"matches(text, '(?i)FREE|world')", [0, 1]),
        ("len(text) == 6", [4]),
        ("missing(text)", [2, 3]),
        ("missing(likes) and missing(n)", [2]),
        ("missing(f)", [1, 2]),
        ("missing(ok)", [2]),
        ('text != "123456"', [0, 1]),
        ('contains(day, "01-03")', [2]),
        ('col("出生 年份") > 1980', [1, 3]),
    ],
)
def test_a_condition_holds_on(condition, rows):
    assert holds(condition) == rows


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("__import__('os').system('true')", "call of that form is not allowed"),
        ("open('x')", "no function 'open'"),
        ("contain(text, 'x')", "did you mean 'contains'"),
        ("text.str", "a dot is not allowed"),
        ("text[0] == 1", "an index is not allowed"),
        ("(lambda: 1)()", "call of that form"),
        ("[x for x in text]", "ListComp is not allowed"),
        ("n ** 9 > 1", "BinOp is not allowed"),
        ("f'{text}' == 1", "JoinedStr"),
        ("(n := 1) > 0", "NamedExpr"),
        ("n is None", "Is is not allowed"),
        ("n == None", "Constant is not allowed"),
        ("n == 1e999", "too large"),
        ("n == 12345678901234567890", "too large"),
        ("n == 1j", "Constant is not allowed"),
        ("text + 'x' == 'yx'", "a text where a number"),
        ("n >", "not understood"),
        ("1 > 0", "names no column"),
        ("n in [other]", "holds constants"),
        ("n in []", "holds constants"),
        ("contains(text, other)", "wants a text in quotes"),
        ("len(text, 1) > 2", "len takes 1 argument"),
        ("matches(text, '(')", "the pattern '\\(' is not one"),
        ("matches(text, '((a{999}){999}){999}')", "is not one"),
        ("matches(text, '(a)\\\\1')", "is not one"),
        ("n > 1\0", "rule"),
        ("(" * 5000 + "n" + ")" * 5000 + " > 1", "rule"),
        ("not " * 400 + "n", "rule"),
        ("+".join(["n"] * 900) + " > 1", "rule"),
        ("n > 1 or " * 3000 + "n > 2", "longer than"),
    ],
)
def test_what_is_refused_is_one_line(condition, words):
    with pytest.raises(LimbeckError, match=words) as error:
        Expression(condition, "teacher 't'")
    assert str(error.value).startswith("teacher 't':") and "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.timeout(120)  # a guard against work without end, not a measurement
def test_a_pattern_that_ruins_backtracking_engines_takes_no_time():
    rows = pl.DataFrame({"text": ["a" * 50_000 + "!"] * 20})
    found = rows.select(Expression("matches(text, '^(a+)+$')").on(rows.schema)).to_series()
    assert not found.any()


def test_the_first_rule_that_holds_decides_and_none_abstains():
    teacher = opened('rule:contains(text, "; -> @") -> good; likes >= 10 -> bad @ 0.7\n n == 4 -> "good" @ 1')
    assert teacher.columns == ("text", "likes", "n")
    expected = [[0.7, 0.3], [0.1, 0.9], [np.nan] * 2, [0, 1], [np.nan] * 2]
    np.testing.assert_allclose(teacher.answer(ROWS), expected, rtol=1e-6)
    assert teacher.answer(ROWS[:0]).shape == (0, 2)


def test_a_rule_spreads_the_rest_and_follows_the_label_map():
    task_classes = ("a", "b", "c")
    teacher = opened(
        "rule:n == 1 -> x; n == 2 -> skip; n > 0 -> c", classes=task_classes, labels={"x": "a", "skip": ""}
    )
    expected = [[0.9, 0.05, 0.05], [np.nan] * 3, [np.nan] * 3, [0.05, 0.05, 0.9], [0.05, 0.05, 0.9]]
    np.testing.assert_allclose(teacher.answer(ROWS), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("rule:n > 1", "is no rule; write CONDITION -> CLASS"),
        ("rule:n > 1 -> goood", "gives 'goood', which is no class; did you mean 'good'"),
        ("rule:n > 1 -> good @ 1.5", "'1.5' is no probability"),
        ("rule:n > 1 -> good @ x", "'x' is no probability"),
        ("rule: ; ", "holds no rule"),
    ],
)
def test_a_wrong_rule_is_one_line(source, words):
    with pytest.raises(LimbeckError, match=f"^teacher 't': .*{words}"):
        opened(source)


def test_a_column_that_is_not_there_names_the_nearest():
    with pytest.raises(LimbeckError, match="reads the column 'like', which the rows lack; did you mean 'likes'"):
        opened("rule:like > 1 -> good").answer(ROWS)


@pytest.mark.timeout(120)  # a guard against work without end, not a measurement
def test_a_hundred_thousand_rows_take_no_time():
    rows = pl.concat([ROWS] * 20_000)
    teacher = opened('rule:contains(text, "微信") -> good; likes > 100 and n < 3 -> bad')
    assert teacher.answer(rows).shape == (100_000, 2)
