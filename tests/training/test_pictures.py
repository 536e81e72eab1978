"""Changes to training pictures depend on the seed, the epoch and the row alone, and do what their names say."""

import json
from functools import partial

import numpy as np
import onnx
import pytest

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.errors import LimbeckError
from limbeck.inputs.image import Pictures
from limbeck.recipe import Pictures as Settings
from limbeck.training import pictures
from limbeck.training.pictures import change
from pictures import class_folders, square, tiny
from small import tiny_recipe

SIDE = 24
ROWS = np.stack([np.asarray(square(("red", "blue")[n % 2], n, (SIDE, SIDE))) for n in range(150)])
ALL = {
    "rotate": 15, "shift": 0.1, "zoom": 0.1, "flip": 0.5, "brightness": 0.3, "contrast": 0.3, "colour": 0.3,
    "blur": 1.0, "jpeg": 0.5,
}  # fmt: skip


def made(rows=ROWS, seed=1, epoch=0, **settings):
    return change(rows, Settings.model_validate(settings), seed, epoch)


def test_the_same_seed_epoch_and_row_give_the_same_pixels():
    first = made(**ALL)
    assert first.tobytes() == made(**ALL).tobytes()
    assert (first != made(epoch=1, **ALL)).any()
    assert (first != made(seed=2, **ALL)).any()
    assert made(ROWS[:40], **ALL).tobytes() == first[:40].tobytes()


@pytest.mark.parametrize("key", ALL)
def test_each_key_changes_pictures_and_zero_leaves_them(key):
    found = made(**{key: ALL[key]})
    assert found.dtype == np.uint8
    assert found.shape == ROWS.shape
    assert (found != ROWS).any(axis=(1, 2, 3)).mean() > 0.3
    assert made().tobytes() == ROWS.tobytes()


def test_a_flip_mirrors_left_to_right():
    np.testing.assert_array_equal(made(flip=1.0), ROWS[:, :, ::-1])
    moved = made(flip=1.0, shift=1e-9)
    assert np.abs(moved.astype(int) - ROWS[:, :, ::-1]).max() <= 1


def test_brightness_keeps_to_its_bounds():
    plain = np.full((60, 8, 8, 3), 100, dtype=np.uint8)
    means = made(plain, brightness=0.2).mean(axis=(1, 2, 3))
    assert 80 <= means.min() < 88
    assert 112 < means.max() <= 120


def test_colour_leaves_grey_alone_and_blur_leaves_what_is_even():
    grey = np.repeat(ROWS[..., :1], 3, axis=3)
    assert np.abs(made(grey, colour=0.9).astype(int) - grey).max() <= 1
    even = np.full((5, 8, 8, 3), 77, dtype=np.uint8)
    np.testing.assert_array_equal(made(even, blur=2.0), even)
    np.testing.assert_array_equal(made(even, rotate=90, shift=0.5, zoom=0.5), even)


def test_a_turn_of_the_whole_stays_inside(tmp_path):
    spot = np.zeros((40, 33, 33, 3), dtype=np.uint8)
    spot[:, 16, 16] = 255
    turned = made(spot, rotate=180)
    assert (turned[:, 16, 16] > 200).all()


def test_a_view_leaves_the_plain_rows_as_they_are():
    plain = Pictures(ROWS, target=np.zeros((150, 2), dtype=np.float32))
    epochs = partial(pictures.viewed, plain, Settings.model_validate(ALL), 0)
    assert epochs(3).pixels is plain.pixels
    assert epochs(3).view.pixels.tobytes() == epochs(3).view.pixels.tobytes()
    assert pictures.changed(plain, Settings.model_validate(ALL), 0, 3).target is plain.target


def test_words_are_not_for_pictures_nor_pictures_for_words(tmp_path, rows_folder):
    with pytest.raises(
        LimbeckError, match=r"only texts.*leave \[training.augment\] out, and use \[training.pictures\]"
    ):
        limbeck.train(
            tiny(training={"augment": {"delete": 0.1}}), data=class_folders(tmp_path / "p"), out=tmp_path / "out"
        )
    recipe = tiny_recipe(training={"epochs": 1, "pictures": {"rotate": 5}})
    with pytest.raises(LimbeckError, match=r"only pictures can be augmented as pictures; leave \[training.pictures\]"):
        limbeck.train(recipe, data=rows_folder, out=tmp_path / "out")


def test_training_with_changes_and_consistency_runs(tmp_path):
    recipe = tiny(training={"epochs": 1, "pictures": ALL}, objective={"losses": {"hard": 1.0, "consistency": 0.5}})
    assert limbeck.train(recipe, data=class_folders(tmp_path / "p"), out=tmp_path / "out").metrics["n"] == 2
    still = tiny(objective={"losses": {"hard": 1.0, "consistency": 0.5}})
    with pytest.raises(LimbeckError, match="needs changed pictures"):
        limbeck.train(still, data=tmp_path / "p", out=tmp_path / "out2")


def test_int8_of_convolutions_goes_through_the_gate_with_ranges_from_train(tmp_path):
    data = class_folders(tmp_path / "p", 20)
    result = limbeck.train(tiny(export={"int8": "keep"}, training={"epochs": 5}), data=data, out=tmp_path / "out")
    facts = json.loads((result.bundle / "export.json").read_text())
    assert facts["serve"] == "model.int8.onnx", facts
    kinds = {node.op_type for node in onnx.load(result.bundle / "model.int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert "DynamicQuantizeLinear" not in kinds
    files = sorted(data.rglob("*.png"))
    small, whole = (limbeck.load(result.bundle), Classifier(result.bundle, model="model.onnx"))
    assert small.predict(files) == whole.predict(files)
