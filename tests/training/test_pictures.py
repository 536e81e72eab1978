"""Changes to training pictures depend on the seed, the epoch and the row alone, and do what their names say."""

import json
import subprocess
import sys
from functools import partial

import numpy as np
import onnx
import pytest

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.errors import LimbeckError
from limbeck.kinds.image import augment as pictures
from limbeck.kinds.image.augment import change
from limbeck.kinds.image.encode import Pictures
from limbeck.recipe import Pictures as Settings
from pictures import class_folders, square, tiny
from small import tiny_recipe

SIDE = 24
ROWS = np.stack([np.asarray(square(("red", "blue")[n % 2], n, (SIDE, SIDE))) for n in range(150)])
ALL = {
    "rotate": 15, "shift": 0.1, "zoom": 0.1, "flip": 0.5, "brightness": 0.3, "contrast": 0.3, "colour": 0.3,
    "blur": 1.0, "jpeg": 0.5, "perspective": 0.2, "noise": 0.1, "moire": 0.5, "recapture": 0.5,
}  # fmt: skip


def made(rows=ROWS, seed=1, epoch=0, **settings):
    return change(rows, Settings.model_validate(settings), seed, epoch)


def test_the_same_seed_epoch_and_row_give_the_same_pixels():
    first = made(**ALL)
    assert first.tobytes() == made(**ALL).tobytes()
    assert (first != made(epoch=1, **ALL)).any()
    assert (first != made(seed=2, **ALL)).any()
    assert made(ROWS[:40], **ALL).tobytes() == first[:40].tobytes()
    few = np.concatenate([ROWS[:20], ROWS[100:]])  # other rows beside them change nothing either
    assert made(few, **ALL)[:20].tobytes() == first[:20].tobytes()


def test_a_new_key_does_not_move_what_the_others_draw():
    plain = made(brightness=0.3, jpeg=0.5)
    some = made(brightness=0.3, jpeg=0.5, moire=0.3)
    alike = (plain == some).all(axis=(1, 2, 3))
    assert 0.55 < alike.mean() < 0.85


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


def test_a_turn_a_shift_and_a_zoom_go_where_they_say():
    spot = np.zeros((300, 41, 41, 3), dtype=np.uint8)
    spot[:, 17:24, 17:24] = 255  # seven places in the middle

    def centre(found, axis):
        weight = found[..., 0].sum(axis=3 - axis).astype(float)
        return (weight * np.arange(41)).sum(axis=1) / weight.sum(axis=1) - 20

    shifted = made(spot, shift=0.2)
    for axis in (1, 2):
        assert 7.5 < np.abs(centre(shifted, axis)).max() <= 8.2 + 1e-6  # a fifth of 41
        assert abs(centre(shifted, axis).mean()) < 0.8
    zoomed = np.sqrt(made(spot, zoom=0.5)[..., 0].sum(axis=(1, 2)) / 255) / 7
    assert 0.4 < zoomed.min() < 0.6
    assert 1.4 < zoomed.max() < 1.6


def test_perspective_makes_one_side_larger_than_the_other():
    bars = np.zeros((300, 48, 48, 3), dtype=np.uint8)
    bars[:, 8:40, 8:40] = 255
    high = made(bars, perspective=0.3)[..., 0] > 127
    left, right = (high[:, :, columns].sum(axis=1).max(axis=1) for columns in (slice(8, 14), slice(34, 40)))
    assert (left > right + 3).mean() > 0.2
    assert (right > left + 3).mean() > 0.2
    assert abs((left - right).mean()) < 1.5


def test_noise_has_the_sigma_that_is_asked_for_and_no_more():
    grey = np.full((400, 24, 24, 3), 128, dtype=np.uint8)
    sigma = made(grey, noise=0.1).std(axis=(1, 2, 3)) / 255
    assert sigma.max() < 0.108
    assert sigma.min() < 0.01
    assert abs(sigma.mean() - 0.05) < 0.005


def test_kornia_is_imported_only_when_a_picture_is_augmented():
    code = (
        "import sys, numpy as np; from limbeck.recipe import Pictures as S; from limbeck.kinds.image import augment;"
        "rows = np.zeros((2, 8, 8, 3), dtype=np.uint8); augment.change(rows, S(flip=1.0), 0, 0);"
        "assert 'kornia' not in sys.modules; augment.change(rows, S(rotate=1.0), 0, 0); assert 'kornia' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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
    # Nothing is rounded to eight bits before light is evened, which divides by a small spread.
    lighted = [n for n in onnx.load(result.bundle / "model.int8.onnx").graph.node if n.op_type in ("Sqrt", "Sub")]
    assert lighted
    assert not any("DequantizeLinear" in name for node in lighted for name in node.input)
    files = sorted(data.rglob("*.png"))
    small, whole = (limbeck.load(result.bundle), Classifier(result.bundle, model="model.onnx"))
    assert small.predict(files) == whole.predict(files)
