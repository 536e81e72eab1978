"""A detector learns normal rows only, and its bundle gives the score, the line and the map that training settled."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.select import batch_of, encode, values_of
from limbeck.networks.anomaly.detector import STEADY, Detector, robust
from limbeck.recipe import dump_recipe, load_recipe, override, parse_recipe
from limbeck.training.anomaly import quantile, train_detector
from limbeck.training.search.cross_validation import cross_validate
from limbeck.training.search.tune import tune
from pictures import class_folders
from scans import SIDE, bmad, detector, mvtec, save, scan, table

RECIPE = Path(__file__).parents[2] / "recipes" / "medical-anomaly.toml"
NETWORKS = ("reverse-distillation", "student-teacher", "memory", "pca")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return table(tmp_path_factory.mktemp("scans"))


def by_table(network="reverse-distillation", **sections):
    return detector(network, data={"train": "index.csv", "split": "split"}, **sections)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_bundle_gives_the_score_and_the_map_of_the_trained_network(network, folder, tmp_path):
    own = {} if network == "pca" else {"student": {"whole": 0.3}}
    recipe = by_table(network, **own)
    rows = prepare(recipe, folder)
    student = train_detector(recipe, rows, folders=[folder])
    trained = limbeck.train(recipe, data=folder, out=tmp_path / "bundle")
    values = values_of(rows.frame, recipe.task)
    pixels = torch.from_numpy(
        batch_of(student.encoder, encode(student.encoder, values), np.arange(len(values)))["pixels"]
    )
    with torch.no_grad():
        logits, maps = student.network.scores_with_map(pixels)
        expected = torch.softmax(logits, dim=1).numpy()
    with Classifier(trained.bundle) as classifier:
        np.testing.assert_allclose(classifier.predict_proba(values), expected, rtol=1e-4, atol=1e-6)
        found = classifier.maps(values)
        assert found.shape == (len(values), 8, 8)
        np.testing.assert_allclose(found, maps.numpy(), rtol=1e-4, atol=1e-4)
        # The line is drawn inside: valid normals lie below one half, but for the stated share.
        valid = [values[at] for at in rows.part("valid")]
        assert (classifier.predict_proba(valid)[:, 1] >= 0.5).mean() <= 0.11
        assert classifier.threshold == 0.5
    assert classifier.classes == ("normal", "anomaly")


@pytest.mark.parametrize("network", ["memory", "pca"])
def test_a_patch_is_found(network, folder, tmp_path):
    trained = limbeck.train(by_table(network), data=folder, out=tmp_path / "bundle")
    assert trained.metrics["image_auroc"] > 0.95
    assert "pixel_auroc" not in trained.metrics  # there are no masks


def test_the_same_seed_gives_the_same_detector(folder):
    recipe = by_table()
    rows = prepare(recipe, folder)
    first, second = (train_detector(recipe, rows, folders=[folder]) for _ in range(2))
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.network.state_dict().values(), second.network.state_dict().values(), strict=True)
    )


def test_a_resumed_run_is_the_run_without_a_break(folder, tmp_path):
    recipe = by_table(training={"epochs": 3})
    rows = prepare(recipe, folder)
    whole = train_detector(recipe, rows, folders=[folder])

    def stop(epoch, score):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_detector(recipe, rows, folders=[folder], checkpoints=tmp_path, report=stop)
    again = train_detector(recipe, rows, folders=[folder], checkpoints=tmp_path, resume=True)
    assert len(again.history.epochs) == 3
    assert all(
        torch.equal(a, b)
        for a, b in zip(whole.network.state_dict().values(), again.network.state_dict().values(), strict=True)
    )


def test_labels_of_test_change_nothing(folder):
    recipe = by_table("pca")
    rows = prepare(recipe, folder)
    labels = rows.labels.copy()
    labels[rows.part("test")] = 1 - labels[rows.part("test")]
    first, second = (train_detector(recipe, given, folders=[folder]) for given in (rows, replace(rows, labels=labels)))
    assert first.network.cut == second.network.cut


def test_anomalies_in_valid_draw_the_line(tmp_path):
    root = bmad(tmp_path)
    trained = limbeck.train(detector("pca"), data=root, out=tmp_path / "bundle")
    assert trained.metrics["accuracy"] >= 0.9
    assert trained.metrics["pixel_auroc"] > 0.8
    assert trained.metrics["masks"] == 8


def test_an_mvtec_folder_is_trained_on_and_judged_as_it_lies(tmp_path):
    trained = limbeck.train(detector("memory"), data=mvtec(tmp_path / "bottle"), out=tmp_path / "bundle")
    assert trained.metrics["image_auroc"] > 0.95
    assert trained.metrics["pixel_auroc"] > 0.8
    again = limbeck.evaluate(trained.bundle, tmp_path / "bottle", where={"split": "test"})
    assert again["image_auroc"] == pytest.approx(trained.metrics["image_auroc"])
    assert again["pixel_auroc"] == pytest.approx(trained.metrics["pixel_auroc"])
    assert limbeck.evaluate(trained.bundle, tmp_path / "bottle" / "test")["pixel_auroc"] == again["pixel_auroc"]
    stored = load_recipe(trained.bundle / "recipe.toml")
    assert stored.task.kind == "anomaly-image"
    assert stored.training.metric == "loss"
    assert json.loads((trained.bundle / "bundle.json").read_text())["task"]["kind"] == "anomaly-image"


def test_fewer_normals_than_a_batch_are_said_and_trained_on(tmp_path, capsys):
    for at in range(5):
        save(tmp_path / "scans" / f"{at}.png", scan(at)[0])
    recipe = detector(
        training={"epochs": 1, "batch_size": 16}, data={"train": "scans", "split": {"valid": 0.3, "test": 0.2}}
    )
    limbeck.train(recipe, data=tmp_path, out=tmp_path / "bundle")
    said = capsys.readouterr().err
    assert "fewer than a batch of 16" in said
    assert "all 5 rows count as normal" in said
    assert "is a guess" in said


def test_teachers_and_foreign_losses_are_refused(folder):
    recipe = by_table(objective={"losses": {"hard": 1.0}})
    with pytest.raises(LimbeckError, match="a detector has its own"):
        train_detector(recipe, prepare(recipe, folder), folders=[folder])
    with pytest.raises(LimbeckError, match="cannot read 'anomaly-image'"):
        limbeck.train(override(recipe, {"student": {"network": "resnet18"}}), data=folder, out=folder / "never")


def test_the_line_lets_the_stated_share_pass():
    random = np.random.default_rng(0)
    alarms = []
    for _ in range(300):
        scores = random.standard_cauchy(60)
        alarms.append((random.standard_cauchy(400) >= quantile(scores, 0.1)).mean())
    assert 0.08 < np.mean(alarms) < 0.105
    assert quantile(np.array([1.0, 2.0]), 0.05) > 2.0
    assert quantile(np.array([3.0]), 0.05) > 3.0


def test_far_scores_keep_their_order():
    class Plain(Detector):
        pass

    network = Plain(None, None, 2)
    network.settle_cut(1.0, 0.01)
    p = torch.softmax(network.logits(torch.tensor([0.9, 1.0, 1.1, 50.0, 51.0, 5000.0])), dim=1)[:, 1]
    assert (p[1:] > p[:-1]).all()
    assert p[1] == 0.5
    assert network.logits(torch.tensor([1.01]))[0, 1] == pytest.approx(np.arcsinh(1) / 2, rel=1e-5)


def test_a_spread_is_never_nothing():
    assert robust(np.ones((5, 2)))[1].tolist() == [1.0, 1.0]
    assert robust(np.array([[1.0], [1.0], [1.0], [9.0]]))[1][0] == pytest.approx(np.std([1, 1, 1, 9]))


@pytest.mark.shared
@pytest.mark.parametrize("network", ["reverse-distillation", "pca"])
def test_the_recipe_runs_on_the_scans_as_they_are(network, shared_data, tmp_path):
    settings = ["input.size=64", "training.epochs=1", "evaluation.bootstrap=20", f"student.network={network}"]
    trained = limbeck.train(RECIPE, data=shared_data / "chest-xray", out=tmp_path / "bundle", settings=settings)
    assert 0 < trained.metrics["image_auroc"] < 1
    assert trained.metrics["classes"] == ["normal", "anomaly"]
    assert trained.metrics["n"] == 324


@pytest.mark.parametrize("lay_out", [mvtec, bmad])
def test_the_recipe_runs_on_published_folders_by_the_settings_it_names(lay_out, tmp_path):
    named = re.findall(r"--set (\S+)", RECIPE.read_text("utf-8").split("[task]")[0])
    own = ["input.size=32", "training.epochs=1", "evaluation.bootstrap=20"]
    own += ["student.layers=['fire4']", "student.width=8", "student.init.path=none.npz"]
    root = lay_out(tmp_path / "set", 12, 4)
    named = [setting for setting in named if "student.network" not in setting]
    assert "data.train=." in named
    trained = limbeck.train(RECIPE, data=root, out=tmp_path / "bundle", settings=[*named, *own])
    assert 0 <= trained.metrics["pixel_auroc"] <= 1


def test_the_doctor_has_nothing_against_a_detector(folder):
    for network in NETWORKS:
        found = limbeck.doctor(by_table(network), data=folder)
        assert not [finding for finding in found if finding.level == "error"], found


def test_folds_and_search_say_that_they_are_for_classifiers(folder, tmp_path):
    recipe = by_table("pca")
    (tmp_path / "recipe.toml").write_text(dump_recipe(recipe), encoding="utf-8")
    with pytest.raises(LimbeckError, match="normal rows alone"):
        cross_validate(recipe, 2, out=tmp_path, data=folder)
    with pytest.raises(LimbeckError, match="normal rows alone"):
        tune(tmp_path / "recipe.toml", out=tmp_path, data=folder)


@pytest.mark.parametrize("network", ["reverse-distillation", "memory", "student-teacher"])
def test_an_encoder_without_weights_teaches_itself_and_stays_frozen_then(network, folder, capsys):
    rows = prepare(detector(network), folder)
    asked = detector(network, student={"network": network, "encoder": "squeezenet1_1", "layers": ["fire2", "fire4"],
                                       "self_train": 8}, training={"learning_rate": 0.001, "epochs": 1})  # fmt: skip
    students = [train_detector(asked, rows, folders=[folder]) for _ in range(2)]
    said = capsys.readouterr().err
    assert int(re.search(r"tells which way (\d+)% of the pictures are turned", said)[1]) > 40  # by chance 25
    assert "at random" not in said
    first, again = (student.network.frozen.state_dict() for student in students)
    assert all(torch.equal(first[name], again[name]) for name in first)
    plain = train_detector(detector(network), rows, folders=[folder]).network.frozen.state_dict()
    assert any(not torch.equal(first[name], plain[name]) for name in first)
    assert "set student.self_train" in capsys.readouterr().err
    assert not any(weight.requires_grad for weight in students[0].network.frozen.parameters())


def test_weights_of_a_classifier_trained_here_do_as_an_encoder(folder, tmp_path, capsys):
    own = parse_recipe({
        "task": {"kind": "image"}, "data": {"train": "."}, "input": {"size": SIDE},
        "student": {"network": "squeezenet", "version": "1.1"}, "training": {"epochs": 1, "device": "cpu"},
        "evaluation": {"bootstrap": 0, "baseline": False},
    })  # fmt: skip
    bundle = limbeck.train(own, data=class_folders(tmp_path / "classes"), out=tmp_path / "bundle").bundle
    given = {"network": "memory", "encoder": "squeezenet1_1", "layers": ["fire2", "fire4"], "bank": 50,
             "init": str(bundle / "weights.safetensors")}  # fmt: skip
    student = train_detector(detector("memory", student=given), prepare(detector("memory"), folder), folders=[folder])
    assert student.network.frozen.given
    trained, kept = load_file(bundle / "weights.safetensors"), student.network.frozen.net.state_dict()
    torch.testing.assert_close(kept["trunk.0.weight"], trained["trunk.0.weight"].float())
    assert "started from" in capsys.readouterr().err


def textures(root, seed=1, train=24):
    """Write normal textures and torn ones: of two valid rows the two statistics of `pca` may cancel out."""
    random, stripes = np.random.default_rng(seed), 120 + 40 * np.sin(np.mgrid[:64, :64][1] / 5)

    def drawn(torn=False):
        picture = (stripes + random.normal(0, 4, (64, 64))).clip(0, 255).astype(np.uint8)
        if torn:
            top, left = random.integers(8, 40, 2)
            picture[top : top + 12, left : left + 12] = 250
        return Image.fromarray(picture)

    for at in range(train):
        save(root / "train" / "good" / f"{at:03d}.png", drawn())
    for at in range(6):
        save(root / "test" / "good" / f"{at:03d}.png", drawn())
        save(root / "test" / "scratch" / f"{at:03d}.png", drawn(torn=True))
    return root


def test_two_valid_rows_whose_scores_are_level_by_chance_give_a_bundle_that_answers_as_it_was_trained(tmp_path):
    recipe = detector("pca", input={"size": 64}, student={"components": 8, "smooth": 4.0, "largest": 0.5})
    made = limbeck.train(recipe, data=textures(tmp_path / "set"), out=tmp_path / "bundle")
    gate = json.loads((made.bundle / "export.json").read_text("utf-8"))
    assert gate["largest_difference"] < 1e-4
    assert gate["flipped"] == 0
    assert made.metrics["roc_auc"] == 1.0


def test_a_spread_is_never_so_small_that_rounding_is_what_it_shows():
    level = np.array([[0.5, 1.0], [0.5 + 1e-6, 1.0], [0.5 - 1e-6, 1.0]], dtype=np.float32)
    middle, spreads = robust(level)
    assert spreads[0] == pytest.approx(STEADY * 0.5)
    assert spreads[1] == 1.0
    usual = np.random.default_rng(0).normal(1.0, 0.05, (50, 2))
    assert robust(usual)[1] == pytest.approx(1.4826 * np.median(np.abs(usual - np.median(usual, axis=0)), axis=0))
    assert middle[0] == 0.5


@pytest.mark.parametrize(("scores", "line"), [([1.0, 1.0], 1.1), ([1.0, 1.0, 3.0], 4.0), ([0.0], 0.1)])
def test_the_line_is_drawn_through_no_score(scores, line):
    assert quantile(np.array(scores), 0.05, 0.1) == pytest.approx(line)


def test_level_scores_at_the_line_stay_on_one_side_of_it():
    scores = np.concatenate([np.arange(90.0), np.full(10, 90.0)])
    line = quantile(scores, 0.05)
    assert line > 90.0
    assert quantile(np.arange(100.0), 0.05) == 95.5
