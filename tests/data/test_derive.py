"""A column that only a path or an id tells: groups by a pattern keep tracks together."""

import numpy as np
import polars as pl
import pytest

from limbeck.data.derived_columns import with_derived
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.recipe import Derived
from pictures import square, tiny

TRACK = {"track": {"column": "path", "pattern": r"([^/]+/\d+)_"}}


def tracks(folder, count=8, frames=4):
    """Write tracks of frames as traffic-sign sets have them: CLASS/TRACK_FRAME.png."""
    for colour, at in (("red", 0), ("blue", 1)):
        (folder / colour).mkdir(parents=True)
        for track in range(count):
            for frame in range(frames):
                seed = at * 1000 + track * 10 + frame
                square(colour, seed).save(folder / colour / f"{track:05d}_{frame:05d}.png")
    return folder


def test_a_pattern_on_the_path_keeps_tracks_on_one_side(tmp_path):
    recipe = tiny(data={"derive": TRACK, "split": {"valid": 0.25, "test": 0.25, "group": "track"}})
    data = prepare(recipe, tracks(tmp_path / "p"))
    names = np.array(data.frame["track"].to_list())
    assert set(names[:4]) == {"blue/00000"}
    parts = {name: set(data.split[names == name]) for name in names}
    assert len(parts) == 16
    assert all(len(found) == 1 for found in parts.values())
    assert {part for found in parts.values() for part in found} == {"train", "valid", "test"}


def test_a_column_that_cannot_be_made_is_one_line():
    frame = pl.DataFrame({"id": ["a-1", "b-2"]})
    found = with_derived(frame, {"who": Derived(column="id", pattern=r"^(\w)-1")}, "x.csv")
    assert found["who"].to_list() == ["a", None]
    for derived, said in (
        ({"id": Derived(column="id", pattern="(.)")}, "there is a column 'id' already"),
        ({"who": Derived(column="ids", pattern="(.)")}, "'ids'"),
        ({"who": Derived(column="id", pattern="(.")}, "data.derive.who.pattern"),
        ({"who": Derived(column="id", pattern="(z)")}, "matches nothing; the first 'id' is 'a-1'"),
        ({"who": Derived(column="id", pattern="a-1")}, "matches nothing"),
    ):
        with pytest.raises(LimbeckError) as error:
            with_derived(frame, derived, "x.csv")
        assert said in str(error.value)
        assert "\n" not in str(error.value)
