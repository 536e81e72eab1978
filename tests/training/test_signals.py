"""Students of signals learn what they should, thaw by layers, and answer from the bundle as they were trained."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import limbeck
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.select import encode, values_of
from limbeck.kinds.signal.augment import changed, moved, viewed
from limbeck.kinds.signal.encode import SignalInput
from limbeck.metrics.logits import softmax
from limbeck.recipe import Signals as Settings
from limbeck.recipe import load_recipe, override
from limbeck.training.build import build
from limbeck.training.export.bundle_parts import save_weights
from limbeck.training.export.gate import logits_of
from limbeck.training.finish import finish
from limbeck.training.fit.unfreeze import freeze
from limbeck.training.student import train_student
from signals import records, signal_recipe

ALL = {"noise": 0.2, "wander": 0.5, "scale": 0.3, "shift": 0.1, "drop": 0.5, "rhythm": 0.2, "alone": 0.3}


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    return records(tmp_path_factory.mktemp("hearts"))


@pytest.fixture(scope="module")
def rows(hearts):
    return prepare(signal_recipe(), hearts)


@pytest.fixture(scope="module")
def encoded(rows):
    return SignalInput(signal_recipe().input).encode(rows.frame)


@pytest.mark.parametrize("network", ["cnn-lstm", "resnet1d", "minirocket", "nearest"])
def test_the_student_tells_beats_apart_and_the_bundle_answers_like_it(network, rows, tmp_path):
    recipe = signal_recipe(network)
    student = train_student(recipe, rows, folders=[])
    test = rows.part("test")
    asked = encode(student.encoder, values_of(rows.frame[test], recipe.task))
    trained = softmax(logits_of(student.network, student.encoder, asked) / student.temperature)
    finished = finish(recipe, rows, student, tmp_path / "bundle")
    assert finished.metrics["accuracy"] > 0.9
    with limbeck.load(tmp_path / "bundle") as classifier:
        assert np.abs(classifier.predict_proba(rows.frame[test]) - trained).max() < 1e-5
        lone = classifier.predict_proba(rows.frame[test].select("signal"))
        array = classifier.predict_proba(rows.frame[test]["signal"].to_numpy())
        assert np.array_equal(lone, array)


def test_features_are_a_branch_of_their_own(rows, tmp_path):
    recipe = signal_recipe(
        input={
            "signal": {"rate": 120, "before": 0.3, "after": 0.4, "features": ["time", "frequency", "stft", "wavelet"]}
        },
        training={"epochs": 3},
    )
    finished = finish(recipe, rows, train_student(recipe, rows, folders=[]), tmp_path / "bundle")
    assert finished.metrics["accuracy"] > 0.8
    with limbeck.load(tmp_path / "bundle") as classifier:
        assert classifier.manifest.arrays == ["beats", "rhythm", "features"]


def test_an_epochs_changes_depend_on_seed_epoch_and_row_alone(encoded):
    settings = Settings(**ALL)
    once = changed(encoded, settings, 1, 4)
    again = changed(encoded, settings, 1, 4)
    assert np.array_equal(once.beats, again.beats)
    assert not np.array_equal(once.beats, changed(encoded, settings, 1, 5).beats)
    few = changed(encoded.take(np.arange(5)), settings, 1, 4)
    assert np.array_equal(few.beats, once.beats[:5])
    assert np.array_equal(few.rhythm, once.rhythm[:5])


@pytest.mark.parametrize("name", ["noise", "wander"])
def test_what_is_added_to_a_window_is_in_its_difference_too(encoded, name):
    out = changed(encoded, Settings(**{name: 0.5}), 0, 0)
    added = out.beats - encoded.beats
    assert np.abs(added).max() > 0.05
    assert np.allclose(added[:, 0], added[:, 1], atol=1e-5)


def test_scale_shift_and_nothing(encoded):
    assert np.allclose(changed(encoded, Settings(scale=1e-9), 0, 0).beats, encoded.beats, atol=1e-5)
    scaled = changed(encoded, Settings(scale=0.5), 0, 0).beats
    factor = scaled[:, 0].std(axis=1) / encoded.beats[:, 0].std(axis=1)
    assert 0.5 <= factor.min() < 0.7
    assert 1.3 < factor.max() <= 1.5
    window = np.arange(12, dtype=np.float32).reshape(1, 1, 12)
    assert moved(window, np.array([2]))[0, 0].tolist() == [0, 0, *range(10)]
    assert moved(window, np.array([-2]))[0, 0].tolist() == [*range(2, 12), 11, 11]


def test_rows_shown_alone_look_like_rows_without_a_record(encoded, rows):
    out = changed(encoded, Settings(alone=0.4), 0, 0)
    alone = ~out.beats[:, 1].any(axis=1)
    assert 0.3 < alone.mean() < 0.5
    lone = SignalInput(signal_recipe().input).encode(rows.frame.select("signal"))
    assert np.allclose(out.rhythm[alone], lone.rhythm[alone])


def test_a_lead_is_dropped_with_its_difference(encoded):
    two = replace(encoded, beats=np.repeat(encoded.beats, 2, axis=1), leads=2)
    out = changed(two, Settings(drop=0.5), 0, 0).beats
    gone = ~out[:, :2].any(axis=2)
    assert 0.4 < gone.any(axis=1).mean() < 0.6
    assert (gone.sum(axis=1) <= 1).all()
    assert not out[:, 2:][gone].any()


def test_the_second_view_leaves_the_first_as_it_is(encoded):
    both = viewed(encoded, Settings(noise=0.5), 0, 0)
    assert np.array_equal(both.beats, encoded.beats)
    batch = SignalInput(signal_recipe().input).batch(both, np.arange(3))
    assert not np.array_equal(batch["view_beats"], batch["beats"])
    assert np.array_equal(batch["view_rhythm"], batch["rhythm"])


def test_consistency_learns_from_changed_windows(hearts):
    recipe = signal_recipe(objective={"losses": {"hard": 1.0, "consistency": 0.2}}, training={"epochs": 1})
    data = prepare(recipe, hearts)
    with pytest.raises(LimbeckError, match=r"training\.signals\.noise"):
        train_student(recipe, data, folders=[])
    train_student(override(recipe, {"training.signals": {"noise": 0.1}}), data, folders=[])


@pytest.fixture(scope="module")
def trunk(hearts, tmp_path_factory):
    """The weights of a bundle that knows these hearts."""
    out = tmp_path_factory.mktemp("trunk") / "bundle"
    return limbeck.train(signal_recipe(), data=hearts, out=out).bundle / "weights.safetensors"


def test_frozen_layers_stay_as_they_were_given(hearts, rows, trunk):
    stages = {"epochs": 1, "unfreeze": {"epochs": [2]}}
    recipe = signal_recipe(student={"init": str(trunk)}, training=stages)
    student = train_student(recipe, rows, folders=[])
    given, now = load_file(trunk), student.network.state_dict()
    for name in given:
        same = torch.equal(given[name].float(), now[name].float())
        part = name.partition(".")[0]
        if part in ("conv1", "conv2", "conv3", "lstm") and not name.endswith("num_batches_tracked"):
            assert same, name  # running means and all
    assert not torch.equal(given["head.weight"].float(), now["head.weight"].float())


def test_each_stage_thaws_one_layer_more_from_the_last(rows, trunk):
    recipe = signal_recipe(student={"init": str(trunk)}, training={"unfreeze": {"epochs": [1, 1, 1, 1, 1]}})
    student = train_student(recipe, rows, folders=[])
    assert [row["epoch"] for row in student.history.epochs] == [0, 1, 2, 3, 4]
    network = student.network
    freeze(network, 1)
    assert not any(weight.requires_grad for weight in network.conv3.parameters())
    assert all(weight.requires_grad for weight in network.lstm.parameters())
    assert all(weight.requires_grad for weight in network.head.parameters())
    network.train()
    assert not network.conv1[1].training
    assert network.mix.training


@pytest.mark.parametrize("network", ["cnn-lstm", "resnet1d"])
def test_a_student_that_compares_gives_the_class_of_the_likest_row(rows, hearts, tmp_path, network):
    first = train_student(signal_recipe(network, training={"epochs": 1}), rows, folders=[])
    save_weights(first.network, tmp_path / "weights.safetensors")
    own = {"init": str(tmp_path / "weights.safetensors"), "nearest": 2}
    recipe = signal_recipe(network, student=own)
    student = train_student(recipe, rows, folders=[])
    train, test = np.flatnonzero(np.isin(rows.split, ["train", "valid"])), rows.part("test")
    trunk = first.network.eval()

    def placed(part):
        encoded = encode(student.encoder, values_of(rows.frame[part], recipe.task))
        maps = torch.from_numpy(encoded.beats)
        with torch.no_grad():
            for layer in trunk.layers[:2]:
                maps = layer(maps)
        return torch.nn.functional.normalize(maps.flatten(1), dim=1).numpy(), encoded

    (keys, _), (asked, encoded) = placed(train), placed(test)
    alike = asked @ keys.T
    sought = rows.labels[train][alike.argmax(axis=1)]
    each = [alike[:, rows.labels[train] == label].max(axis=1) for label in (0, 1)]
    sure = np.abs(each[0] - each[1]) > 1e-3  # what is remembered is rounded to half precision
    found = student.probabilities(encoded).argmax(axis=1)
    assert sure.sum() > 20
    np.testing.assert_array_equal(found[sure], sought[sure])
    assert student.history.epochs == []
    # The bundle answers alike, and its weights hold what is remembered.
    bundle = limbeck.train(recipe, data=hearts, out=tmp_path / "bundle").bundle
    with limbeck.load(bundle) as classifier:
        np.testing.assert_allclose(
            classifier.predict_proba(rows.frame[test]), student.probabilities(encoded), atol=1e-4
        )
    again, _ = build(load_recipe(bundle / "recipe.toml"), values_of(rows.frame[train], recipe.task), rows.classes, None)
    again.load_state_dict({name: value.float() for name, value in load_file(bundle / "weights.safetensors").items()})
    assert len(again.head.keys) == len(train)
    # Without rows of test valid judges, so that it may not be remembered.
    unjudged = replace(rows, split=np.where(rows.split == "test", "unused", rows.split))
    assert len(train_student(recipe, unjudged, folders=[]).network.head.keys) == len(rows.part("train"))


def test_of_more_rows_than_the_bank_holds_each_class_keeps_its_share(rows, trunk):
    student = train_student(signal_recipe(student={"init": str(trunk), "nearest": 1, "bank": 20}), rows, folders=[])
    of = student.network.head.of.numpy()
    assert len(of) <= 20
    train = rows.labels[np.isin(rows.split, ["train", "valid"])]
    np.testing.assert_allclose(of.mean(axis=0), np.bincount(train) / len(train), atol=0.06)


@pytest.mark.parametrize(("sections", "words"), [
    ({"training": {"unfreeze": {"epochs": [1]}}}, "name its weights in student.init"),
    ({"student": {"nearest": 1}}, "no given trunk to compare by"),
    ({"student": {"init": "TRUNK", "nearest": 4}}, "the trunk has 3 convolutions; name one from 1 to 3"),
    ({"student": {"init": "TRUNK", "nearest": 1}, "training": {"unfreeze": {"epochs": [1]}}}, "trains nothing"),
    ({"student": {"init": "TRUNK", "nearest": 1}, "objective": {"losses": {"hard": 1.0, "consistency": 0.1}},
      "training": {"signals": {"noise": 0.1}}}, "learns no loss"),
    ({"student": {"init": "TRUNK"}, "training": {"unfreeze": {"epochs": [1] * 6}}}, "makes 5; name fewer"),
    ({"student": {"network": "minirocket"}, "objective": {"losses": {"hard": 1.0, "consistency": 0.1}},
      "training": {"signals": {"noise": 0.1}}}, "no other loss and no teacher"),
    ({"student": {"network": "nearest"}, "objective": {"losses": {"hard": 1.0, "consistency": 0.1}},
      "training": {"signals": {"noise": 0.1}}}, "learns no loss"),
    ({"student": {"network": "minirocket", "init": "TRUNK"}}, "cannot start from weights"),
    ({"student": {"init": "TRUNK", "hidden": 16}}, "has the shape .* give \\[student\\]"),
    ({"training": {"pictures": {"flip": 0.5}}}, "only pictures"),
    ({"training": {"augment": {"delete": 0.1}}}, r"use \[training\.signals\]"),
])  # fmt: skip
def test_what_does_not_fit_is_one_line(rows, trunk, sections, words):
    if sections.get("student", {}).get("init") == "TRUNK":
        sections = {**sections, "student": {**sections["student"], "init": str(trunk)}}
    network = sections.get("student", {}).pop("network", "cnn-lstm")
    with pytest.raises(LimbeckError, match=words):
        train_student(signal_recipe(network, **sections), rows, folders=[])


def test_validation_rows_join_the_closed_form_head_where_there_are_test_rows(rows, capsys):
    recipe = signal_recipe("minirocket", objective={"class_weights": "balanced"})
    both = np.isin(rows.split, ["train", "valid"]).sum()
    train_student(recipe, rows, folders=[])
    assert f"ridge head: {both} rows" in capsys.readouterr().err
    untested = replace(rows, split=np.where(rows.split == "test", "unused", rows.split))
    train_student(recipe, untested, folders=[])
    assert f"ridge head: {both} rows" not in capsys.readouterr().err
    train_student(override(recipe, {"student.rows": 40}), rows, folders=[])
    assert "ridge head: 40 rows" in capsys.readouterr().err.replace("39 rows", "40 rows")


def test_a_teacher_of_signals_teaches(hearts, rows, trunk):
    from limbeck.training.distill.distill import distil

    recipe = override(signal_recipe(training={"epochs": 2}), {
        "teachers": [{"name": "one", "source": f"bundle:{trunk.parent}"}],
        "objective.losses": {"hard": 0.5, "distil": 0.5},
    })  # fmt: skip
    taught = distil(recipe, rows, folders=[hearts], cache=trunk.parent.parent / "cache")
    student = train_student(recipe, rows, folders=[hearts], targets=taught.targets)
    with limbeck.load(trunk.parent) as teacher:
        told = teacher.predict_proba(rows.frame[rows.part("train")])
    assert np.abs(taught.targets.answers[: len(told)] - told).max() < 1e-2
    assert student.history.epochs
