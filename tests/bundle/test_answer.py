"""`answer` gives each row its label or its own error; `version` names what answers; threads=0 starts none."""

import json
import shutil
import sys
import threading

import numpy as np
import pytest

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.errors import LimbeckError
from limbeck.files import sha256
from old_bundles import DETECTORS, KINDS, bundle_of, rows_of
from pictures import class_folders, square, tiny
from small import python, reviews

TEXTS = [row["text"] for row in reviews(30, seed=5)]


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory):
    """A bundle of pictures in three classes, and a picture of each."""
    folder = class_folders(tmp_path_factory.mktemp("pictures"))
    (folder / "both").mkdir()
    for seed in range(12):
        square("red", 500 + seed).transpose(2).save(folder / "both" / f"{seed}.png")
    done = limbeck.train(tiny(), data=folder, out=tmp_path_factory.mktemp("bundle") / "three")
    return done.bundle, [next(place.iterdir()) for place in sorted(folder.iterdir())]


@pytest.mark.parametrize("name", [*KINDS, *DETECTORS])
def test_an_answer_is_what_predict_says_with_margin_threshold_and_version(name):
    rows = rows_of(name)
    with limbeck.load(bundle_of(name)) as classifier:
        found, p = classifier.answer(rows), classifier.predict_proba(rows)
        assert len(found) == len(p) > 3
        np.testing.assert_allclose(found.probabilities, p, atol=1e-6)
        assert found.probabilities.dtype == found.margin.dtype == np.float32
        assert list(found.labels) == classifier.predict(rows)
        positive = classifier.manifest.positive
        np.testing.assert_allclose(found.margin, abs(p[:, positive] - classifier.threshold), atol=1e-6)
        assert (found.threshold, found.version, found.errors) == (classifier.threshold, classifier.version, {})
        assert found.classes == classifier.classes


def test_of_more_than_two_classes_the_margin_is_the_lead_over_the_second(three_classes):
    bundle, pictures = three_classes
    with limbeck.load(bundle) as classifier:
        found = classifier.answer([*pictures, bundle / "no-picture"])
    for row, margin in zip(found.probabilities[:3], found.margin, strict=False):
        last, lead = sorted(row)[-2:]
        assert margin == pytest.approx(lead - last)
    assert np.isnan(found.margin[3])
    assert found.labels[3] is None


def test_a_text_that_holds_nothing_costs_no_other_its_answer():
    with limbeck.load(bundle_of("text-ngram")) as classifier:
        found = classifier.answer([TEXTS[0], "", TEXTS[1], 3.5, None, {"text": TEXTS[2]}])
        np.testing.assert_allclose(found.probabilities[[0, 2]], classifier.predict_proba(TEXTS[:2]), atol=1e-6)
    assert [label is None for label in found.labels] == [False, True, False, True, True, True]
    assert {at: str(error) for at, error in found.errors.items()} == {
        1: "the text is empty",
        3: "expected a text, got float",
        4: "the text is empty",
        5: "expected a text, got dict; give [row['text'] for row in rows]",
    }
    assert np.isnan(found.probabilities[[1, 3, 4, 5]]).all()
    assert np.isnan(found.margin[[1, 3, 4, 5]]).all()


def test_a_picture_a_window_and_a_row_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "text.png").write_bytes(b"no picture")
    pictures = rows_of("image")
    with limbeck.load(bundle_of("image")) as classifier:
        found = classifier.answer([pictures[0], str(tmp_path / "text.png"), 7, pictures[1]])
        assert [label is not None for label in found.labels] == [True, False, False, True]
        assert "not a picture" in str(found.errors[1])
        assert str(found.errors[2]) == "expected a path, a Pillow image or a uint8 array, got int"
    windows = [np.zeros((1, 84)), np.zeros((1, 30)), np.full((1, 84), np.nan), "beat", np.ones((1, 84))]
    with limbeck.load(bundle_of("signal")) as classifier:
        found = classifier.answer(windows)
        assert [label is not None for label in found.labels] == [True, False, False, False, True]
        assert "1 leads x 84 samples are wanted" in str(found.errors[1])
        assert "no number" in str(found.errors[2])
    with limbeck.load(bundle_of("table")) as classifier:
        found = classifier.answer([{"a": 1.0, "b": 2.0, "c": 3.0, "kind": "up"}, "row", {"a": None, "kind": "up"}])
        assert [label is not None for label in found.labels] == [True, False, True]
        np.testing.assert_allclose(
            found.probabilities[2], classifier.predict_proba([{"a": None, "kind": "up"}])[0], atol=1e-6
        )


def test_values_that_are_no_rows_are_refused_as_predict_refuses_them():
    with limbeck.load(bundle_of("text-ngram")) as classifier:
        for values in ("好吃", None, {"好吃"}):
            with pytest.raises(LimbeckError, match="expected a list of texts"):
                classifier.answer(values)
        assert len(classifier.answer([])) == 0
        assert classifier.answer([""]).to_dicts()[0]["error"] == "the text is empty"


def test_answers_as_dictionaries_are_json_without_nan():
    with limbeck.load(bundle_of("text-ngram")) as classifier:
        told = classifier.answer([TEXTS[0], ""]).to_dicts()
        version = classifier.version
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    good, bad = told
    assert good["probability"] == good["probabilities"][good["label"]] == max(good["probabilities"].values())
    assert good["error"] is None
    assert bad == {
        "label": None, "probability": None, "probabilities": None, "margin": None,
        "threshold": good["threshold"], "version": version, "error": "the text is empty",
    }  # fmt: skip


def test_the_version_is_the_same_in_another_process_and_no_two_bundles_share_one():
    code = "import sys, limbeck; print(*(limbeck.load(bundle).version for bundle in sys.argv[1:]))"
    bundles = [bundle_of(name) for name in (*KINDS, *DETECTORS)]
    versions = [limbeck.load(bundle).version for bundle in bundles]
    assert python(code, *bundles, PYTHONHASHSEED="7").stdout.split() == versions
    assert len(set(versions)) == len(bundles)
    assert all(len(version) == 16 and set(version) <= set("0123456789abcdef") for version in versions)


def test_an_upgrade_does_not_rename_models():
    pinned = {"text-gru": "5b05d2bed2f3237e", "table": "b8cd6de3b464005a", "anomaly-image": "0499da4d7e2f66ff"}
    assert {name: limbeck.load(bundle_of(name)).version for name in pinned} == pinned


def changed(bundle, folder, file=None, content=b"other", **facts):
    """Copy a bundle, change a file or facts of it, and return its version."""
    own = shutil.copytree(bundle, folder)
    if file:
        (own / file).write_bytes(content)
    stored = json.loads((own / "bundle.json").read_text("utf-8")) | facts
    stored["files"] = {name: sha256(own / name) for name in stored["files"]}
    (own / "bundle.json").write_text(json.dumps(stored), encoding="utf-8")
    with Classifier(own) as classifier:
        return classifier.version


def test_a_new_report_leaves_the_version_and_what_changes_answers_changes_it(tmp_path):
    bundle = bundle_of("text-gru")
    version = limbeck.load(bundle).version
    for at, file in enumerate(("report.html", "README.md", "metrics.json", "export.json", "seen.npy")):
        assert changed(bundle, tmp_path / f"same{at}", file) == version
    for at, facts in enumerate(({"name": "other"}, {"created": "2030-01-01"}, {"versions": {}}, {"limbeck": "9"})):
        assert changed(bundle, tmp_path / f"told{at}", **facts) == version
    vocabulary = (bundle / "vocabulary.json").read_bytes().rstrip()
    assert changed(bundle, tmp_path / "vocabulary", "vocabulary.json", vocabulary + b" ") != version
    stored = json.loads((bundle / "bundle.json").read_text("utf-8"))
    for at, facts in enumerate((
        {"threshold": 0.25}, {"temperature": 2.0}, {"positive": 0},
        {"classes": stored["classes"][::-1]}, {"input": stored["input"] | {"max_length": 20}},
    )):  # fmt: skip
        assert changed(bundle, tmp_path / f"other{at}", **facts) != version


@pytest.fixture
def started_threads():
    """Names of threads that are started meanwhile: each of them calls the profile function of `threading` first."""
    started = []

    def note(frame, event, argument):
        started.append(threading.current_thread().name)
        sys.setprofile(None)

    threading.setprofile(note)
    yield started
    threading.setprofile(None)


@pytest.mark.parametrize("name", [*KINDS, *DETECTORS])
def test_with_no_threads_everything_runs_in_the_calling_thread(name, started_threads):
    rows = rows_of(name)
    with limbeck.load(bundle_of(name)) as classifier:
        sought = classifier.predict_proba(rows)
        classifier.probabilities_of(classifier.checked(rows))  # on the pool, however few they are

    assert started_threads  # the fixture sees those that a classifier with threads starts
    started_threads.clear()
    with limbeck.load(bundle_of(name), threads=0) as classifier:
        assert classifier.threads == 0
        np.testing.assert_allclose(classifier.predict_proba(rows), sought, atol=1e-6)
        assert len(classifier.answer(rows)) == len(sought)
        if name == "anomaly-image":
            assert len(classifier.maps(rows)) == len(sought)
    assert not started_threads
    with pytest.raises(RuntimeError, match="after shutdown"):
        classifier.predict_proba(rows)


def test_fewer_threads_than_none_are_refused():
    with pytest.raises(LimbeckError, match="threads is 0 or more, not -1"):
        limbeck.load(bundle_of("text-gru"), threads=-1)


def test_a_table_is_predicted_without_threads_too(tmp_path):
    rows = next((bundle_of("image").parent).glob("rows*"))
    with limbeck.load(bundle_of("image"), threads=0) as alone, limbeck.load(bundle_of("image")) as usual:
        limbeck.predict(alone, rows, tmp_path / "alone.csv", quiet=True)
        limbeck.predict(usual, rows, tmp_path / "usual.csv", quiet=True)
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "usual.csv").read_bytes()
