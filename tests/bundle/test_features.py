"""Vectors of rows: the same in every process, near for rows that are alike, of one width for a bundle."""

import sys

import numpy as np
import pytest
from PIL import Image

import limbeck
from limbeck.errors import LimbeckError
from old_bundles import DETECTORS, KINDS, bundle_of, rows_of
from small import python, reviews


@pytest.mark.parametrize("name", [*KINDS, *DETECTORS])
def test_every_kind_gives_vectors_of_one_width_whatever_rows_are_beside(name):
    rows = rows_of(name)
    with limbeck.load(bundle_of(name)) as classifier:
        found = classifier.features(rows)
        assert found.dtype == np.float32
        assert found.shape[0] == len(rows)
        assert np.isfinite(found).all()
        alone = np.concatenate([classifier.features(rows[at : at + 1]) for at in range(len(rows))])
        np.testing.assert_allclose(alone, found, atol=1e-5)
        assert classifier.features(rows[:0]).shape == (0, found.shape[1])
        assert len(np.unique(found.round(4), axis=0)) == len(np.unique(np.asarray(found).round(4), axis=0)) > 1


def test_another_process_with_another_hash_seed_gives_the_same_vectors():
    code = (
        "import sys, limbeck\nfrom old_bundles import *\n"
        "for name in ('text-gru', 'image', 'table'):\n"
        "    found = limbeck.load(bundle_of(name)).features(rows_of(name))\n"
        "    print(found.astype('float64').sum(axis=0).round(3).tolist())"
    )
    ran = [python(code, PYTHONPATH=":".join(sys.path), PYTHONHASHSEED=seed) for seed in ("1", "2")]
    assert ran[0].stdout == ran[1].stdout != "", ran[0].stderr


def test_near_copies_of_a_text_are_nearer_than_other_texts():
    texts = [row["text"] for row in reviews(60, seed=2)]
    with limbeck.load(bundle_of("text-gru")) as classifier:
        found = classifier.features(texts)
        copies = classifier.features([f"{text[:-1]}！" for text in texts])
        same = classifier.features([f"<p>{text}</p>\n" for text in texts])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(same, found, atol=1e-6)  # the bundle cleans them away
    assert ((found @ copies.T).argmax(axis=1) == np.arange(60)).all()


def test_a_picture_stored_again_is_nearest_to_itself(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (20, 4, 5, 3)).astype(np.uint8)
    pictures = [Image.fromarray(few).resize((100, 80), Image.Resampling.BICUBIC) for few in colours]
    for at, picture in enumerate(pictures):
        picture.save(tmp_path / f"{at}.jpg", quality=60)
    with limbeck.load(bundle_of("image")) as classifier:
        found = classifier.features([np.asarray(picture) for picture in pictures])
        again = classifier.features([str(tmp_path / f"{at}.jpg") for at in range(20)])
    apart = np.linalg.norm(found[:, None] - again[None], axis=2)
    assert (apart.argmin(axis=1) == np.arange(20)).all()


def test_what_holds_nothing_is_refused_by_its_place_or_nan(tmp_path):
    (tmp_path / "no.png").write_bytes(b"no")
    with limbeck.load(bundle_of("text-gru")) as classifier:
        with pytest.raises(LimbeckError, match="value 1: the text is empty; leave it out"):
            classifier.features(["好", " "])
        assert np.isnan(classifier.features(["好", " "], unreadable="nan")).all(axis=1).tolist() == [False, True]
    with limbeck.load(bundle_of("image")) as classifier:
        given = [Image.new("RGB", (9, 9)), str(tmp_path / "no.png")]
        assert np.isnan(classifier.features(given, unreadable="nan")).all(axis=1).tolist() == [False, True]
    with limbeck.load(bundle_of("signal")) as classifier:
        windows = np.ones((2, 1, 84), dtype=np.float32)
        windows[1, 0, 3] = np.nan
        assert np.isnan(classifier.features(windows, unreadable="nan")).all(axis=1).tolist() == [False, True]
        with pytest.raises(LimbeckError, match="value 1: a sample is no number"):
            classifier.features(windows)
