"""A bundle says what the rows looked like that it learned from, in figures of many rows; one of format 1 does not."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import limbeck
import pictures
from limbeck.bundle import reference
from limbeck.bundle.manifest import OF_CLASSIFIERS, read_manifest
from limbeck.errors import LimbeckError
from old_bundles import HOME
from small import reviews

OLD = sorted(HOME.glob("*/bundle/bundle.json"))


def test_a_text_bundle_holds_scores_shares_lengths_and_features(bundles, rows_folder):
    with limbeck.load(bundles()) as classifier:
        found = classifier.reference
        assert classifier.manifest.format == OF_CLASSIFIERS == 3
        assert reference.FILE in classifier.manifest.files
        rows = [row for row in reviews(400) if row["split"] in ("train", "valid")]
        texts = [row["text"] for row in rows]
        assert found.scores.rows == 80
        assert {name: sum(counts) for name, counts in found.scores.counts.items()} == {"bad": 80, "good": 80}
        p = classifier.predict_proba([row["text"] for row in rows if row["split"] == "valid"])
        assert found.scores.counts["good"] == np.histogram(p[:, 1], 20, (0, 1))[0].tolist()
        assert sum(found.scores.shares.values()) == pytest.approx(1.0, abs=1e-3)
        good = np.mean([row["label"] == "1" for row in rows])
        assert found.labels.shares == pytest.approx({"bad": 1 - good, "good": good}, abs=1e-3)
        assert found.sizes.unit == "characters"
        assert found.sizes.quantiles == pytest.approx(np.quantile(list(map(len, texts)), reference.LEVELS), rel=1e-3)
        features = classifier.features(texts)
        assert found.features.mean == pytest.approx(features.mean(axis=0), abs=1e-3)
        assert found.features.deviation == pytest.approx(features.std(axis=0), abs=1e-3)


def test_no_row_no_word_and_no_file_is_in_it(bundles):
    content = (bundles() / reference.FILE).read_text("utf-8")
    assert len(content.encode()) < reference.LARGEST
    words = {text[at : at + 2] for row in reviews(400) for text in [row["text"]] for at in range(len(text) - 1)}
    assert not any(word in content for word in words)
    assert "reviews" not in content


def test_pictures_are_not_decoded_for_it(tmp_path):
    pictures.class_folders(tmp_path / "pictures", 24)
    bundle = limbeck.train(pictures.tiny(), data=tmp_path / "pictures", out=tmp_path / "bundle").bundle
    with limbeck.load(bundle) as classifier:
        assert classifier.reference.features is None
        assert classifier.reference.sizes.unit == "bytes"


@pytest.mark.parametrize("file", OLD, ids=lambda file: file.parents[1].name)
def test_bundles_of_format_1_load_and_have_none(file):
    assert json.loads(file.read_text("utf-8"))["format"] == 1
    assert read_manifest(file.parent).format == 1
    with limbeck.load(file.parent) as classifier:
        assert classifier.reference is None


def test_there_are_bundles_of_format_1():
    assert OLD


def test_a_damaged_reference_is_one_line(own_bundle):
    (own_bundle / reference.FILE).write_text('{"scores": 3}')
    with pytest.raises(LimbeckError, match=r"reference\.json: damaged: its hash is not the one in bundle\.json"):
        limbeck.load(own_bundle)
    with pytest.raises(LimbeckError, match=r"reference\.json: damaged: not a reference"):
        reference.read_reference(own_bundle)
    (own_bundle / reference.FILE).write_text(" " * 30_000)
    with pytest.raises(LimbeckError, match=r"reference\.json: far too large"):
        reference.read_reference(own_bundle)


@settings(max_examples=40)
@given(classes=st.integers(2, 400), rows=st.integers(0, 60), width=st.integers(1, 3000), seed=st.integers(0, 9))
def test_it_is_small_whatever_it_is_made_of(classes, rows, width, seed):
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.ones(classes), rows).astype(np.float32)
    names = [f"class number {at}" for at in range(classes)]
    labels = random.integers(-1, classes, rows)
    vectors = random.normal(size=(rows, width)).astype(np.float32)
    found = reference.reference_of(names, p, p.argmax(axis=1), labels, ("cells", random.normal(size=rows)), vectors)
    content = reference.to_json(found)
    assert len(content) <= reference.LARGEST
    assert reference.Reference.model_validate_json(content) == found
    few = rows < reference.FEW
    assert (found.sizes is None) == few
    if few:
        assert found == reference.Reference()
