"""Which rows count as wrong, and in which order they are shown."""

import numpy as np

from limbeck.metrics.slices import worst_rows


def two(s):
    s = np.asarray(s, dtype=np.float32)
    return np.stack([1 - s, s], axis=1)


def test_wrong_is_what_the_threshold_decides_not_the_likeliest_class():
    y, p = np.array([0, 0, 1, 1, 1]), two([0.1, 0.4, 0.4, 0.2, 0.9])
    assert set(worst_rows(y, p, threshold=0.3, positive=1)) == {1, 3}
    assert set(worst_rows(y, p)) == {2, 3}
    # The same rows seen from the other class.
    assert set(worst_rows(1 - y, p[:, ::-1], threshold=0.3, positive=0)) == {1, 3}


def test_the_most_wrong_come_first_on_either_side_of_the_threshold():
    y, p = np.array([0, 0, 1, 1]), two([0.95, 0.92, 0.1, 0.8])
    # From 0.9 to 1 half the way is 0.95; from 0.9 to 0 0.1 is eight ninths of it.
    assert worst_rows(y, p, threshold=0.9, positive=1).tolist() == [2, 0, 1, 3]
    assert worst_rows(y, p, 2, threshold=0.9, positive=1).tolist() == [2, 0]


def test_of_more_classes_the_likeliest_counts():
    p = np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.2, 0.5, 0.3]])
    assert worst_rows([1, 0, 1], p).tolist() == [1, 0]
