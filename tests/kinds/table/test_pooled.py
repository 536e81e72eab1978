"""Classifiers of several scenarios' table rows together: on values, and on ranks within the scenario."""

import numpy as np
import polars as pl
import pytest

from limbeck.kinds.table.pooled import NAMES, Pool


def scenario(rng, scale: float, count: int = 300, *, columns: tuple[str, ...] = ("a", "b")):
    labels = rng.integers(0, 2, count)
    values = {name: scale * np.exp(rng.normal(size=count) + 1.2 * labels * (name == "a")) for name in columns}
    return pl.DataFrame(values), labels


def scenarios(scales, **more):
    rng = np.random.default_rng(0)
    found = [scenario(rng, scale, **more) for scale in scales]
    return [frame for frame, _ in found], [labels for _, labels in found]


def right(P, labels):
    return float((P.argmax(axis=1) == labels).mean())


def test_ranks_help_where_values_mean_another_thing():
    frames, labels = scenarios((1, 100, 10_000))
    pool = Pool(frames[:2], labels[:2], 2)
    values, ranks = (pool.predict(frames[2], name, frames[2]) for name in NAMES)
    assert right(ranks, labels[2]) > right(values, labels[2]) + 0.1


def test_a_row_alone_has_its_rank_among_the_rows_of_its_scenario():
    frames, labels = scenarios((1, 100, 10_000))
    pool = Pool(frames[:2], labels[:2], 2)
    together = pool.predict(frames[2], "pooled-ranks", frames[2])
    alone = np.concatenate([pool.predict(frames[2][at : at + 1], "pooled-ranks", frames[2]) for at in range(20)])
    assert alone == pytest.approx(together[:20])


def test_what_is_left_out_is_not_learned():
    frames, labels = scenarios((1, 1, 1))
    pool = Pool(frames, [labels[0], labels[1], 1 - labels[2]], 2)
    assert right(pool.left_out("pooled", 2, frames[2]), labels[2]) > 0.65


def test_columns_that_one_side_lacks_are_no_ground():
    frames, labels = scenarios((1, 1))
    target = frames[0].select("a")
    pool = Pool(frames, labels, 2)
    found = pool.predict(target, "pooled", target)
    assert np.isfinite(found).all() and right(found, labels[0]) > 0.65
    nothing = pl.DataFrame({"c": [1.0, 2.0]})
    assert pool.predict(nothing, "pooled", nothing) == pytest.approx(np.full((2, 2), 0.5))
