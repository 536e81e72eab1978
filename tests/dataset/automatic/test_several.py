"""Cells with several labels are recognised; labels that merely hold a mark are not taken apart."""

import numpy as np
import polars as pl
import pytest

from limbeck.data.label_sets import labels_of_cell, membership, names_in, sets_of
from limbeck.dataset.automatic.several import several_in
from limbeck.dataset.automatic.understand import understand
from limbeck.errors import LimbeckError
from limbeck.recipe import Task
from several import tagged_cells, tagged_texts

RANDOM = np.random.default_rng(0)


def column(cells, count=200):
    return pl.Series("tags", [str(cell) for cell in RANDOM.choice(cells, count)])


@pytest.mark.parametrize("separator", ["|", ";", "；", "、", ","])
def test_several_labels_are_seen_by_their_separator(separator):
    cells = [separator.join(labels) for labels in (["x"], ["y"], ["x", "y"], ["y", "z"], ["z"])]
    found = several_in(column(cells))
    assert found is not None
    assert (found.separator, found.none, set(found.counts)) == (separator, None, {"x", "y", "z"})


def test_a_mark_of_no_label_is_seen_too():
    found = several_in(column(["x", "y|x", "y", "none"]))
    assert found is not None
    assert (found.none, set(found.counts)) == ("none", {"x", "y"})


def test_a_category_and_a_verdict_in_each_cell_are_two_labels():
    found = several_in(column(["tech|fake", "tech|true", "health|fake", "health|true"]))
    assert found is not None
    assert set(found.counts) == {"tech", "health", "fake", "true"}


@pytest.mark.parametrize(
    "cells",
    [
        ["A|B", "C"],  # a bar in a name
        ["sci-fi|fantasy", "romance", "drama"],
        ["male,old", "male,young", "female,old", "female,young"],  # always two parts: a code
        ["north|1", "south|2", "east|3"],  # parts that never stand beside another
        ["Paris, France", "Rome, Italy", "Bern, Switzerland"],
        ["a|", "b", "a|b"],  # a part is empty
        ["good", "bad"],
    ],
)
def test_labels_that_hold_a_mark_stay_one_label(cells):
    assert several_in(column(cells)) is None


def test_texts_with_several_labels_get_a_recipe_and_a_sentence():
    frame = pl.DataFrame(tagged_texts(240))
    found = understand(frame, label="tags")
    assert found.recipe.task.kind == "multilabel-text"
    assert (found.recipe.task.separator, found.recipe.task.none) == ("|", "-")
    assert found.recipe.training.optimizer == "liblinear"
    assert any("several labels in a cell, separated by '|'" in line for line in found.lines)
    assert any("3 classes: " in line for line in found.lines)


def test_rows_of_a_table_too_and_one_label_where_someone_says_so():
    frame = pl.DataFrame(tagged_cells(240))
    assert understand(frame).recipe.task.kind == "multilabel-table"
    assert understand(frame, task="classify").recipe.task.kind == "table"


def test_cells_are_sets_whatever_their_order():
    task = Task(kind="multilabel-text", none="-")
    assert labels_of_cell("b| a|b", task) == labels_of_cell("a|b", task) == ("a", "b")
    assert (labels_of_cell("-", task), labels_of_cell(None, task), labels_of_cell("|", task)) == ((), None, None)
    sets = sets_of(["b|a", "a|b", "-", "c", None], task)
    assert sets == ("-", "a|b", "c")
    names = names_in(sets, task, "x")
    assert names == ("a", "b", "c")
    np.testing.assert_array_equal(membership(sets, names, task), [[0, 0, 0], [1, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"positive": "a"}, "positive"),
        ({"separator": " "}, "blank"),
        ({"classes": ["a|b", "c"]}, "choose another one"),
        ({"classes": ["-", "c"], "none": "-"}, "choose another mark"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(more, what):
    with pytest.raises(ValueError, match=what):
        Task(kind="multilabel-text", **more)


def test_one_label_alone_is_no_case_of_several():
    with pytest.raises(LimbeckError, match="holds 1 label"):
        names_in(("a",), Task(kind="multilabel-text"), "x")
