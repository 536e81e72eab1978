"""The AUROC over pixels is that of scikit-learn, and a mask that does not fit costs its row only."""

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

import limbeck
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import Box, Picture
from limbeck.tasks.anomaly.pixel_metrics import mask_of, pixel_auroc
from scans import detector, mvtec, save, scan


def test_binning_does_not_move_the_figure():
    random = np.random.default_rng(0)
    maps = [random.normal(0, 1, (16, 16)).astype(np.float32) for _ in range(5)]
    masks = [random.random((16, 16)) < 0.2 for _ in range(5)]
    maps = [one + 0.7 * mask for one, mask in zip(maps, masks, strict=True)]
    exact = roc_auc_score(np.stack(masks).ravel(), np.stack(maps).ravel())
    assert pixel_auroc([one.astype(np.float32) for one in maps], masks) == pytest.approx(exact, abs=1e-4)


def test_without_a_marked_pixel_there_is_no_figure():
    assert pixel_auroc([np.zeros((4, 4), dtype=np.float32)], [np.zeros((4, 4), dtype=bool)]) is None
    level = pixel_auroc([np.zeros((4, 4), dtype=np.float32)], [np.eye(4, dtype=bool)])
    assert level == 0.5


def test_a_mask_follows_the_box_and_any_value_marks(tmp_path):
    marked = np.zeros((40, 40), dtype=np.uint8)
    marked[:20, :20] = 1
    Image.fromarray(marked).save(tmp_path / "m.png")
    picture = Picture(np.zeros((40, 40, 3), dtype=np.uint8))
    assert mask_of(picture, str(tmp_path / "m.png"), 8)[:4, :4].all()
    assert mask_of(picture, str(tmp_path / "m.png"), 8).sum() == 16
    assert mask_of(Picture(picture.source, Box(0, 0, 20, 20)), str(tmp_path / "m.png"), 8).all()
    with pytest.raises(LimbeckError, match="does not fit its picture"):
        mask_of(Picture(np.zeros((40, 30, 3), dtype=np.uint8)), str(tmp_path / "m.png"), 8)


def test_what_a_lossy_mask_strays_around_black_is_not_marked(tmp_path):
    marked = np.zeros((64, 64), dtype=np.uint8)
    marked[:32, :32] = 255
    Image.fromarray(marked).save(tmp_path / "m.jpg", quality=60)
    Image.fromarray(np.zeros((64, 64), dtype=np.uint8)).save(tmp_path / "none.jpg")
    picture = Picture(np.zeros((64, 64, 3), dtype=np.uint8))
    assert (mask_of(picture, str(tmp_path / "m.jpg"), 64) == (marked > 0)).mean() > 0.98
    assert mask_of(picture, str(tmp_path / "m.jpg"), 64)[36:, 36:].sum() == 0
    assert mask_of(picture, str(tmp_path / "none.jpg"), 64).sum() == 0


def test_masks_that_are_of_no_use_are_named_and_the_rest_counts(tmp_path):
    root = mvtec(tmp_path / "bottle")
    save(root / "ground_truth" / "patch" / "000_mask.png", scan(1, patch=True, side=50)[1])
    (root / "ground_truth" / "patch" / "001_mask.png").write_bytes(b"\x89PNG broken")
    trained = limbeck.train(detector("pca"), data=root, out=tmp_path / "bundle")
    found = limbeck.evaluate(trained.bundle, root, where={"split": "test"}, report=tmp_path / "page.html")
    assert found["masks"] == 6
    assert found["pixel_auroc"] > 0.7
    said = [line for line in found["findings"] if line.startswith("mask left out")]
    assert len(said) == 2
    assert "does not fit" in said[0]
    assert "像素级 AUROC" in (tmp_path / "page.html").read_text("utf-8")
