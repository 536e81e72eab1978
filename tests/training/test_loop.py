"""The loop does what the recipe says: schedules, early stopping, best weights, accumulation, precision, weights."""

import math

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.numpy import load_file

import limbeck
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.text.encode import TextInput
from limbeck.networks import NETWORKS
from limbeck.recipe import Input, Objective, Training
from limbeck.training.fit.batches import epoch_batches
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.loop import average, clone, fit, pace, step_seed
from limbeck.training.fit.validation_scores import scores_of
from limbeck.training.student import train_student
from small import TINY, reviews, tiny_recipe, write_csv

ROWS = reviews(96)
LABELS = np.array([int(row["label"]) for row in ROWS])


def rates(**training):
    settings = Training(**{"epochs": 10, "warmup": 0.0, **training})
    return [pace(settings, step, 5) for step in range(50)]


def test_warm_up_rises_in_a_straight_line_to_the_whole_rate():
    shape = rates(schedule="constant", warmup=0.2)
    np.testing.assert_allclose(shape[:10], np.arange(1, 11) / 10)
    assert set(shape[10:]) == {1.0}


def test_each_schedule_has_its_shape():
    np.testing.assert_allclose(rates(schedule="cosine"), [0.5 * (1 + math.cos(math.pi * k / 50)) for k in range(50)])
    np.testing.assert_allclose(rates(schedule="linear"), [1 - k / 50 for k in range(50)])
    stepped = rates(schedule="step", step_every=4, step_factor=0.1)
    np.testing.assert_allclose(stepped, [0.1 ** (k // 20) for k in range(50)])
    assert set(rates(schedule="plateau")) == set(rates(schedule="constant")) == {1.0}


def test_a_plateau_halves_the_rate_after_every_epoch_that_is_no_better():
    from limbeck.training.fit.loop import State

    state, settings = State(score=-math.inf), Training(schedule="plateau")
    for score, factor in ((0.5, 1.0), (0.4, 0.5), (0.6, 0.5), (0.6, 0.25)):
        state.next_epoch(score, score > state.score, settings)
        assert state.factor == factor
    assert (state.epoch, state.idle, state.score) == (4, 1, 0.6)


def test_batches_hold_every_row_once_depend_on_seed_and_epoch_alone_and_save_padding():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    batches = epoch_batches(lengths, 32, seed=1, epoch=2)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    again = epoch_batches(lengths, 32, seed=1, epoch=2)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))
    assert any(
        len(a) != len(b) or (a != b).any()
        for a, b in zip(batches, epoch_batches(lengths, 32, seed=1, epoch=3), strict=True)
    )
    padded = sum(len(part) * lengths[part].max() for part in batches)
    assert padded < 1.1 * lengths.sum()


def test_every_step_has_a_seed_of_its_own():
    seeds = {step_seed(seed, step, process) for seed in range(3) for step in range(50) for process in range(2)}
    assert len(seeds) == 300


def train(network="gru", scores=None, rows=ROWS, objective=None, **training):
    """Fit a tiny network; ``scores`` are what valid says epoch by epoch. Returns the network, history and snapshots."""
    torch.manual_seed(0)
    encoder = TextInput.fit(Input.model_validate(TINY[network]["input"]), [row["text"] for row in rows])
    raw = {key: value for key, value in TINY[network]["student"].items() if key != "network"}
    raw |= {"dropout": 0.0, "token_dropout": 0.0} if network == "gru" else {}
    student = NETWORKS[network](NETWORKS[network].parse(raw), encoder, 2)
    learner = Learner(student, objective or Objective(), encoder, ("bad", "good"))
    encoded = encoder.encode([row["text"] for row in rows])
    student.fit_start(encoded)
    for loss in learner.losses.values():
        loss.prepare(LABELS)
    seen = []

    def validate(evaluated):
        seen.append(clone(evaluated))
        return {"loss": 1.0, "macro_f1": scores[len(seen) - 1] if scores else len(seen) / 1000}

    settings = Training(**{"device": "cpu", "precision": "fp32", "warmup": 0.0, "schedule": "constant", **training})
    half = "bf16" if settings.precision == "bf16" else "no"
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=False)
    accelerator = Accelerator(mixed_precision=half, cpu=True)
    history = fit(learner, encoder, lambda epoch: encoded, LABELS, settings, validate, accelerator=accelerator)
    return student, history, seen


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


def test_the_last_epoch_is_kept_where_valid_cannot_judge():
    student, history, seen = train(scores=[0.5, 0.9, 0.8, 0.7], epochs=4, patience=1, keep="last")
    assert history.best == 3
    assert len(seen) == 4
    assert same(clone(student), seen[-1])


def test_it_stops_when_patience_is_over_and_keeps_the_best_weights():
    student, history, seen = train(scores=[0.5, 0.9, 0.8, 0.9, 0.7, 0.99], epochs=6, patience=3)
    assert len(seen) == len(history.epochs) == 5
    assert history.best == 1
    assert same(clone(student), seen[1])
    assert not same(seen[1], seen[4])


def test_averaged_weights_are_judged_and_kept_while_training_goes_on_from_its_own():
    plain, *_ = train(epochs=2, batch_size=16)
    _, _, own = train(epochs=2, batch_size=16)
    averaged, _, seen = train(epochs=2, batch_size=16, average=0.9)
    assert same(clone(averaged), seen[1])
    assert not same(seen[0], own[0])
    distance = sum((seen[1][name] - own[1][name]).abs().sum() for name in own[1])
    moved = sum((own[0][name] - own[1][name]).abs().sum() for name in own[1])
    assert 0 < distance < 10 * moved
    assert same(clone(plain), own[1])


def test_an_average_moves_by_its_share():
    student, *_ = train(epochs=1)
    start = {name: torch.zeros_like(value) for name, value in clone(student).items()}
    average(start, student, 0.75)
    for name, value in clone(student).items():
        torch.testing.assert_close(start[name], 0.25 * value)


def test_averaging_does_not_undo_what_lbfgs_found():
    plain, *_ = train("ngram", optimizer="lbfgs", epochs=2)
    averaged, *_ = train("ngram", optimizer="lbfgs", epochs=2, average=0.99)
    assert plain.table.weight.abs().sum() > 1
    assert same(clone(plain), clone(averaged))


@pytest.mark.parametrize("sizes", [(96, 48, 2), (96, 24, 4), (96, 64, 2)])
def test_accumulated_batches_step_as_one_large_batch(sizes):
    large, small, accumulate = sizes
    one, *_ = train(epochs=3, batch_size=large)
    many, *_ = train(epochs=3, batch_size=small, accumulate=accumulate)
    apart, *_ = train(epochs=3, batch_size=small)
    for name, value in clone(one).items():
        torch.testing.assert_close(clone(many)[name], value, atol=2e-4, rtol=1e-3)
    assert not all(
        torch.allclose(clone(apart)[name], value, atol=2e-4, rtol=1e-3) for name, value in clone(one).items()
    )


def test_clipping_bounds_the_step():
    free, *_ = train(epochs=1, batch_size=96, optimizer="adam", weight_decay=0, clip=0)
    bound, *_ = train(epochs=1, batch_size=96, optimizer="adam", weight_decay=0, clip=1e-12)
    start, *_ = train(epochs=1, batch_size=96, learning_rate=1e-12)
    moved = [
        max((clone(net)[name] - value).abs().max().item() for name, value in clone(start).items())
        for net in (free, bound)
    ]
    assert moved[0] > 5e-4  # Adam's first step is the rate …
    assert moved[1] < moved[0] / 5  # … unless the gradient is smaller than its epsilon


@pytest.mark.parametrize("network", ["gru", "albert"])
def test_bf16_trains_and_ends_near_single_precision(network):
    single, *_ = train(network, epochs=1)
    half, *_ = train(network, epochs=1, precision="bf16")
    assert not same(clone(single), clone(half))
    for name, value in clone(single).items():
        assert value.dtype == clone(half)[name].dtype == torch.float32
        torch.testing.assert_close(clone(half)[name], value, atol=0.02, rtol=0.5)


def test_class_weights_shift_the_student_towards_the_class(rows_folder):
    def share(weight):
        objective = {"class_weights": {"good": weight}}
        data = prepare(tiny_recipe(objective=objective), rows_folder)
        student = train_student(tiny_recipe(objective=objective), data, folders=[rows_folder])
        return (student.valid_logits.argmax(axis=1) == 1).mean()

    assert share(0.05) < share(1.0) < share(20.0)


def test_a_loss_that_runs_away_is_one_clear_line(rows_folder, tmp_path):
    recipe = tiny_recipe("gru", training={"learning_rate": 1e30, "clip": 0.0, "epochs": 4})
    with pytest.raises(LimbeckError, match=r"the loss is (nan|inf) in step \d+; lower training.learning_rate"):
        limbeck.train(recipe, data=rows_folder, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy", "roc_auc", "loss"])
def test_the_best_epoch_is_the_best_by_the_metric_asked_for(rows_folder, metric):
    recipe = tiny_recipe("gru", training={"metric": metric, "epochs": 5, "patience": 9, "learning_rate": 0.02})
    student = train_student(recipe, prepare(recipe, rows_folder), folders=[rows_folder])
    scores = [epoch[metric] * (-1 if metric == "loss" else 1) for epoch in student.history.epochs]
    assert student.history.best == int(np.argmax(scores))


def test_the_scores_of_an_epoch_are_scikit_learns():
    from sklearn import metrics

    random = np.random.default_rng(0)
    labels, p = random.integers(0, 2, 200), random.dirichlet((1, 1), 200)
    found = scores_of(labels, p, 1)
    assert found["loss"] == pytest.approx(metrics.log_loss(labels, p))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, p.argmax(axis=1)))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(labels, p.argmax(axis=1), average="macro"))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels, p[:, 1]))
    assert scores_of(labels, p, 0)["roc_auc"] == pytest.approx(found["roc_auc"])


def test_lbfgs_finds_the_optimum_that_scikit_learn_finds(rows_folder):
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    decay = 1e-3
    student, *_ = train("ngram", optimizer="lbfgs", weight_decay=decay, epochs=30, patience=30)
    encoder = TextInput.fit(Input.model_validate(TINY["ngram"]["input"]), [])
    rows = encoder.encode([row["text"] for row in ROWS])
    weights = rows.weights * student.scale.numpy()[rows.values]
    features = csr_matrix((weights, rows.values, rows.offsets), shape=(len(rows), encoder.size))
    exact = LogisticRegression(C=1 / (decay * len(rows)), tol=1e-10, max_iter=5000).fit(features, LABELS)
    ours = student.table.weight.detach().numpy()[:, 0]
    np.testing.assert_allclose(ours, exact.coef_[0], atol=2e-3)


def test_three_classes_train_and_roc_auc_as_their_metric_is_refused(tmp_path):
    rows = reviews(240)
    for number, row in enumerate(rows):
        if number % 3 == 0:
            row["text"], row["label"] = "今天 天气 预报" + row["text"][:4] + str(number), "2"
    write_csv(tmp_path / "reviews.csv", rows)
    classes = {"classes": {"0": "bad", "1": "good", "2": "weather"}}
    found = limbeck.train(tiny_recipe(task=classes), data=tmp_path, out=tmp_path / "out")
    assert found.metrics["accuracy"] > 0.7
    with limbeck.load(tmp_path / "out") as classifier:
        assert classifier.predict_proba(["好"]).shape == (1, 3)
    recipe = tiny_recipe(task=classes, training={"metric": "roc_auc"})
    with pytest.raises(LimbeckError, match=r"training\.metric = 'roc_auc'"):
        limbeck.train(recipe, data=tmp_path, out=tmp_path / "other")


def test_the_weights_stored_are_those_of_the_model_half_where_half_is_exact(bundles):
    import onnx
    from onnx import numpy_helper

    for network in ("ngram", "gru", "textcnn", "albert"):
        stored = load_file(bundles(network) / "weights.safetensors")
        assert all(value.dtype == np.float16 for value in stored.values() if value.dtype.kind == "f")
        model = onnx.load(bundles(network) / "model.onnx")
        large = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.data_type in (1, 10)]
        assert all(value.dtype == np.float16 for value in large if value.size >= 256)
