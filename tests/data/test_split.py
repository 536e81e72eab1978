"""Groups stay together, every class can be learned, shares are kept, and a seed gives one split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.data.leakage import leakage
from limbeck.data.split import draw, folds, split_by_column, split_random
from limbeck.errors import LimbeckError

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 15)), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(ROWS, st.integers(0, 5))
def test_groups_stay_together_and_every_class_is_in_train(rows, seed):
    labels, groups = np.array(rows).T
    split = split_random(len(rows), valid=0.2, test=0.3, labels=labels, groups=groups, seed=seed)
    assert all(len(set(split[groups == group])) == 1 for group in groups)
    assert set(labels[split == "train"]) == set(labels)
    assert split.tolist() == split_random(
        len(rows), valid=0.2, test=0.3, labels=labels, groups=groups, seed=seed
    ).tolist()  # fmt: skip


def test_shares_are_kept_in_every_class():
    labels = np.repeat([0, 1, 2], [800, 150, 50])
    split = split_random(1000, valid=0.1, test=0.2, labels=labels, seed=1)
    for label, count in ((0, 800), (1, 150), (2, 50)):
        assert abs(np.sum(split[labels == label] == "test") - 0.2 * count) <= 1.5
        assert abs(np.sum(split[labels == label] == "valid") - 0.1 * count) <= 1.5


def test_a_column_is_understood_however_it_is_spelt():
    split = split_by_column(["Training", "dev", "test", "训练集"], "f.csv")
    assert split.tolist() == ["train", "valid", "test", "train"]
    with pytest.raises(LimbeckError, match=r"f\.csv.*'holdout'"):
        split_by_column(["train", "holdout"], "f.csv")
    drawn = split_by_column(["train"] * 90 + ["test"] * 10, "f.csv", labels=[0, 1] * 50)
    assert np.sum(drawn == "valid") == 9
    assert np.sum(drawn[90:] == "test") == 10
    assert "test" not in split_by_column(["train"] * 5 + ["val"], "f.csv")


def test_groups_of_another_part_stay_in_train_unless_all_are_there():
    parts = np.array(["train"] * 8 + ["test"] * 2)
    some = draw(parts, valid=0.3, groups=list("aabbccddaa"))
    assert set(np.array(list("aabbccddaa"))[some == "valid"]) <= set("bcd")
    every = draw(parts, valid=0.3, groups=list("aabbaabbab"))
    drawn = set(np.array(list("aabbaabbab"))[every == "valid"])
    assert len(drawn) == 1  # one whole group of train, kept apart from the other
    assert not drawn & set(np.array(list("aabbaabbab"))[every == "train"])


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(2, 4))
def test_folds_hold_whole_groups_and_none_is_empty(rows, k):
    labels, groups = np.array(rows).T
    if len(set(groups)) < k:
        with pytest.raises(LimbeckError):
            folds(len(rows), k, labels, groups)
        return
    fold = folds(len(rows), k, labels, groups)
    assert set(fold) == set(range(k))
    assert all(len(set(fold[groups == group])) == 1 for group in groups)


def test_leaks_of_each_kind_are_counted_and_shown():
    keys = [
        "同一条",
        "同一条",
        "这是一条相当长的评论，讲的是水果很新鲜。",
        "这是一条相当长的评论，讲的是水果很新鲜！",
        "别的",
    ]
    found = leakage(keys, ["train", "test", "valid", "test", "train"], ["", "", "p", "q", "p"])
    assert (found.rows, found.exact, found.near, found.groups) == (3, 1, 1, 1)
    assert found.refusable
    assert len(found.lines()) == 3
    assert "rows 11 and 10" in found.lines([10, 11, 12, 13, 14])[0]
    assert not leakage(["a", "b"], ["train", "test"]).lines()
