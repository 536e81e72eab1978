"""The baseline of pictures learns what it claims to see, on a bounded number of them, and stands in every report."""

import json
import os

import numpy as np
import pytest

import limbeck
from limbeck.errors import LimbeckError
from limbeck.kinds.image import baseline as baseline_pictures
from limbeck.kinds.image.baseline import (
    NAME,
    SIDE,
    WIDTH,
    features,
    features_of,
    kept,
    picture_baseline_row,
    some_of_each,
)  # fmt: skip
from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.image.reading.decode import Box, Picture
from limbeck.recipe import Input
from pictures import class_folders, square, tiny


def textured(count, seed):
    """Return pictures of one grey mean that differ in grain alone, and which have the fine one."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    made = []
    for label in y:
        wave = np.sin(np.arange(120) * (0.8 if label else 0.25) + rng.uniform(0, 6))
        grain = 128 + 20 * wave[None, :] + rng.normal(0, 15, (120, 120))
        made.append(Picture(np.repeat(grain.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)))
    return made, y


def row(train, y, test, z, **more):
    return picture_baseline_row(train, y, test, z, ("coarse", "fine"), 1, settings=Input(), **more)


def test_it_tells_apart_by_colour_and_by_grain():
    squares = [Picture(square(("blue", "red")[n % 2], n)) for n in range(60)]
    labels = np.arange(60) % 2
    assert row(squares[:40], labels[:40], squares[40:], labels[40:])["accuracy"] == 1.0
    train, y = textured(80, 0)
    test, z = textured(40, 1)
    found = row(train, y, test, z)
    assert found["roc_auc"] > 0.95
    assert found["name"] == NAME
    assert found["n_train"] == 80
    assert 0 <= found["eer"] < 0.1
    assert found["seconds"] > 0


def test_features_are_finite_whatever_the_picture_and_blind_to_its_scale():
    flat = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    assert features_of(flat).shape == (WIDTH,)
    for pixels in (flat, flat + 255, np.random.default_rng(0).integers(0, 256, flat.shape).astype(np.uint8)):
        assert np.isfinite(features_of(pixels)).all()
    big = square("red", 1, (300, 300))
    assert np.allclose(*features([Picture(big), Picture(big)], Input(size=32, colour="grey")))


def test_it_learns_from_a_bounded_number_with_every_class_among_them(monkeypatch):
    y = np.array([0] * 1000 + [1] * 500 + [2])
    chosen = some_of_each(y, 100, 0)
    assert len(chosen) == len(set(chosen.tolist())) == 100
    assert set(y[chosen]) == {0, 1, 2}
    assert 0.5 < np.mean(y[chosen] == 0) < 0.8
    assert (chosen == some_of_each(y, 100, 0)).all()
    assert (chosen != some_of_each(y, 100, 1)).any()
    assert some_of_each(y, 5000, 0).tolist() == list(range(1501))
    monkeypatch.setattr(baseline_pictures, "MOST", 30)
    train, z = textured(50, 0)
    assert row(train, z, train, z)["n_train"] == 30


def test_one_class_is_nothing_to_learn_and_no_rows_are_no_figures():
    train, y = textured(20, 0)
    with pytest.raises(LimbeckError, match="at least two classes"):
        row(train, y * 0, train, y)
    assert row(train, y, [], [])["accuracy"] is None


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = class_folders(tmp_path_factory.mktemp("base"), 20)
    return folder, limbeck.train(tiny(), data=folder, out=folder.parent / "base-bundle")


def test_it_stands_beside_the_student_on_the_same_rows(made):
    _, trained = made
    told, majority = trained.baselines
    assert told["name"] == NAME
    assert told["n_train"] > 20
    assert told == json.loads((trained.bundle / "metrics.json").read_text())["baselines"][0]
    assert NAME in (trained.bundle / "report.html").read_text("utf-8")
    assert NAME in (trained.bundle / "README.md").read_text("utf-8")
    without = limbeck.train(tiny(evaluation={"baseline": False}), data=made[0], out=made[0].parent / "none")
    assert [row["name"] for row in without.baselines] == [majority["name"]] == ["majority class"]


def test_evaluate_trains_it_anew_on_the_training_rows(made, tmp_path):
    folder, trained = made
    other = class_folders(tmp_path / "other", 6, parts=("x", "y")) / "y"
    limbeck.evaluate(trained.bundle, other, report=tmp_path / "r.html", train_data=folder, bootstrap=20)
    page = (tmp_path / "r.html").read_text("utf-8")
    assert NAME in page
    assert "(on the bundle" not in page
    limbeck.evaluate(trained.bundle, other, report=tmp_path / "then.html", bootstrap=20)
    assert "(on the bundle" in (tmp_path / "then.html").read_text("utf-8")


def test_squares_kept_from_encoding_are_those_of_a_new_decode_unless_the_file_has_changed(tmp_path):
    files = [tmp_path / f"{at}.{ending}" for at, ending in enumerate(("png", "jpg", "png"))]
    for at, file in enumerate(files):
        square("red", at, (130, 90)).save(file)
    pictures = [Picture(str(files[0])), Picture(str(files[1]), Box(10, 5, 60, 40)), Picture(files[2])]
    settings = Input(size=32, colour="grey", margin=0.2)
    anew = features(pictures, settings)
    with kept():
        encoded = ImageInput(settings).encode(pictures)
        files[2].unlink()
        square("blue", 9, (130, 90)).save(files[2])
        files[0].touch()
        with kept():
            pass  # an inner context ends nothing
        again = features(pictures, settings)
    assert (encoded.pixels[:2] == ImageInput(settings).encode(pictures[:2]).pixels).all()
    assert (again[:2] == anew[:2]).all()
    assert (again[2] == features([Picture(files[2])], settings)[0]).all() and (again[2] != anew[2]).any()


def test_kept_squares_are_not_decoded_again(tmp_path):
    square("red", 0).save(tmp_path / "a.png")
    picture = [Picture(str(tmp_path / "a.png"))]
    with kept():
        ImageInput(Input()).encode(picture)
        content = (tmp_path / "a.png").stat()
        (tmp_path / "a.png").write_bytes(bytes(content.st_size))  # no picture any more, of the same size and time
        os.utime(tmp_path / "a.png", ns=(content.st_atime_ns, content.st_mtime_ns))
        assert np.isfinite(features(picture, Input())).all()
    with pytest.raises(LimbeckError):
        features(picture, Input())
