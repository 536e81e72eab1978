"""Heat maps: drawn where it is strange and nowhere else, one file for each picture that could be read."""

import numpy as np
import pytest
from PIL import Image

import limbeck
from limbeck.errors import LimbeckError
from limbeck.kinds.image.heatmap import HeatMaps, heat
from limbeck.kinds.image.reading.decode import Box, Picture
from limbeck.locks import sole_writer
from scans import detector, mvtec, scan
from small import limbeck as command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return mvtec(tmp_path_factory.mktemp("bottle"))


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    return limbeck.train(detector("memory"), data=folder, out=tmp_path_factory.mktemp("b") / "bottle").bundle


def test_heat_lies_where_the_map_is_high():
    picture = Picture(np.full((40, 60, 3), 90, dtype=np.uint8))
    places = np.zeros((8, 8), dtype=np.float32)
    places[:, :4] = 3.0
    drawn = np.asarray(heat(picture, places)).astype(int)
    assert drawn.shape == (40, 60, 3)
    assert (drawn[:, 45:] == 90).all()
    assert (drawn[:, :15, 0] - drawn[:, :15, 2] > 100).all()


def test_of_a_box_only_the_part_is_drawn():
    picture = Picture(np.full((40, 60, 3), 90, dtype=np.uint8), Box(10, 5, 20, 30))
    assert heat(picture, np.zeros((4, 4), dtype=np.float32)).size == (20, 30)


def test_names_stay_in_the_folder(tmp_path):
    maps = HeatMaps(tmp_path)
    assert maps.name(3, Picture("../../etc/pass wd.png")) == "000003-pass_wd.png"
    (tmp_path / "file").write_text("")
    with pytest.raises(LimbeckError):
        HeatMaps(tmp_path / "file")


def test_predict_draws_a_map_for_each_picture_and_names_the_rest(bundle, folder, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for at in range(3):
        scan(7000 + at, patch=True)[0].save(source / f"{at}.png")
    deep = Image.fromarray(np.asarray(scan(7, side=90)[0]).astype(np.uint16) * 257)
    deep.save(source / "deep.png")  # another size, another depth
    (source / "broken.png").write_bytes(b"no picture")
    done = command("predict", bundle, source, tmp_path / "a.csv", "--maps", tmp_path / "heat")
    assert done.returncode == 0, done.stderr
    names = sorted(file.name for file in (tmp_path / "heat").iterdir())
    assert names == ["000001-0.png", "000002-1.png", "000003-2.png", "000005-deep.png"]
    with Image.open(tmp_path / "heat" / "000005-deep.png") as drawn:
        assert drawn.size == (90, 90)
    assert "broken.png" in (tmp_path / "a.csv.rejected.csv").read_text()
    assert (tmp_path / "a.csv").read_text().count("anomaly") >= 3


def test_a_folder_of_maps_has_one_writer_who_removes_what_a_killed_one_left(bundle, folder, tmp_path):
    source, heat = tmp_path / "in", tmp_path / "heat"
    for place in (source, heat):
        place.mkdir()
    scan(7000, patch=True)[0].save(source / "0.png")
    (heat / ".000001-0.png.0123abcd.part").write_bytes(b"half")
    (heat / ".notes.txt.0123abcd.part").write_bytes(b"somebody's")
    with sole_writer(heat), pytest.raises(LimbeckError, match=r"heat: another thread .* is writing this folder"):
        limbeck.predict(bundle, source, tmp_path / "a.csv", maps=heat, quiet=True)
    limbeck.predict(bundle, source, tmp_path / "a.csv", maps=heat, quiet=True)
    assert sorted(file.name for file in heat.iterdir()) == [".notes.txt.0123abcd.part", "000001-0.png"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "heat", "in"]


def test_a_classifier_gives_no_maps(bundles, tmp_path):
    (tmp_path / "in.csv").write_text("text\na\n", encoding="utf-8")
    with pytest.raises(LimbeckError, match="gives no maps"):
        limbeck.predict(bundles("ngram"), tmp_path / "in.csv", tmp_path / "out.csv", maps=tmp_path / "heat")
    with limbeck.load(bundles("ngram")) as classifier, pytest.raises(LimbeckError, match="gives no maps"):
        classifier.maps(["a"])
