"""Each loss is the one of its paper, and reaches the student."""

import numpy as np
import pytest
import torch
from torch import nn

from limbeck.errors import LimbeckError
from limbeck.kinds.text.encode import TextInput
from limbeck.networks import NETWORKS
from limbeck.objectives import OBJECTIVES, Step
from limbeck.objectives.masked_words import MaskedWords
from limbeck.recipe import Input, Objective
from limbeck.training.doctor.losses import shaken
from limbeck.training.fit.learner import Learner
from small import TINY, reviews

TEXTS = [row["text"] for row in reviews(64)]
CLASSES = ("a", "b", "c")


class Fixed(nn.Module):
    """A student that answers with given logits."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float32))

    def forward(self, *arrays):
        return self.logits


def student(network="gru", classes=CLASSES):
    torch.manual_seed(0)
    encoder = TextInput.fit(Input.model_validate(TINY[network]["input"]), TEXTS)
    raw = {key: value for key, value in TINY[network]["student"].items() if key != "network"}
    return NETWORKS[network](NETWORKS[network].parse(raw), encoder, len(classes)), encoder


def step_of(logits, labels):
    return Step(Fixed(logits), {}, torch.tensor(labels), 0)


def loss(name, classes=CLASSES, labels=None, **objective):
    made = OBJECTIVES[name](Objective(losses={name: 1.0}, **objective), None, None, classes)
    if labels is not None:
        made.prepare(np.array(labels))
    return made


LOGITS = np.random.default_rng(0).normal(size=(6, 3))
LABELS = [0, 2, 1, -1, 2, 0]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", ["none", "balanced", {"b": 5.0}])
def test_hard_is_torchs_cross_entropy_over_the_labelled_rows(smoothing, weights):
    history = [0, 0, 0, 1, 2, 2, -1]
    expected_weights = {"none": [1, 1, 1], "balanced": [6 / 9, 2, 1]}.get(weights if isinstance(weights, str) else "")
    made = loss("hard", labels=history, class_weights=weights, label_smoothing=smoothing)
    known = [row for row, label in enumerate(LABELS) if label >= 0]
    expected = nn.functional.cross_entropy(
        torch.tensor(LOGITS[known], dtype=torch.float32),
        torch.tensor([LABELS[row] for row in known]),
        torch.tensor(expected_weights or [1.0, 5.0, 1.0], dtype=torch.float32),
        label_smoothing=smoothing,
    )
    torch.testing.assert_close(made(step_of(LOGITS, LABELS)), expected)


def test_a_batch_without_a_label_costs_nothing_and_moves_nothing():
    step = step_of(LOGITS, [-1] * len(LOGITS))
    found = loss("hard")(step)
    found.backward()
    assert found == 0.0
    assert not step.student.logits.grad.any()


def test_balanced_weights_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0] * 7 + [1] * 2 + [2] * 3)
    found = loss("hard", labels=labels, class_weights="balanced").weights.numpy()
    np.testing.assert_allclose(found, compute_class_weight("balanced", classes=np.arange(3), y=labels), rtol=1e-6)


def test_an_unknown_class_in_the_weights_names_the_nearest():
    with pytest.raises(LimbeckError, match=r"class_weights: unknown class 'goood'; did you mean 'good'"):
        loss("hard", ("bad", "good"), labels=[0, 1], class_weights={"goood": 2.0})


def test_hinge_of_two_classes_is_the_square_of_scikit_learns_over_the_difference_of_logits():
    from sklearn.metrics import hinge_loss

    logits, labels, made = LOGITS[:, :2], [0, 1, 1, 0, 1, 0], loss("hinge", ("a", "b"))
    each = [made(step_of(logits[[row]], [label])).item() for row, label in enumerate(labels)]
    assert made(step_of(logits, labels)).item() == pytest.approx(np.mean(each), rel=1e-6)
    assert np.sqrt(each).mean() == pytest.approx(hinge_loss(labels, logits[:, 1] - logits[:, 0]), rel=1e-6)


def test_hinge_of_more_classes_sets_each_against_the_rest():
    known = [row for row, label in enumerate(LABELS) if label >= 0]
    signs = np.where(np.arange(3) == np.array(LABELS)[known][:, None], 1.0, -1.0)
    expected = np.square(np.maximum(0, 1 - signs * LOGITS[known])).sum() / len(known)
    assert loss("hinge")(step_of(LOGITS, LABELS)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["hard", "hinge"])
def test_a_batch_without_labels_gives_no_push(name):
    step = step_of(LOGITS, [-1] * 6)
    value = loss(name)(step)
    if name == "hinge":
        assert value.item() == 0.0


def masked():
    network, encoder = student("albert")
    return MaskedWords(Objective(losses={"masked-words": 1.0}), network, encoder, CLASSES), network, encoder


def test_masked_words_hides_real_tokens_only_at_the_stated_rates():
    made, _, encoder = masked()
    rows = encoder.encode(TEXTS * 60)
    batch = encoder.batch(rows, np.arange(len(rows)))
    ids, lengths = torch.from_numpy(batch["ids"]), torch.from_numpy(batch["lengths"])
    torch.manual_seed(0)
    hidden, chosen = made.hide(ids, lengths)
    inside = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
    real = inside & ~torch.isin(ids, torch.tensor(sorted(encoder.encoder.special)))
    assert not (chosen & ~real).any()
    assert torch.equal(hidden[~chosen], ids[~chosen])
    total = chosen.sum().item()
    assert total / real.sum().item() == pytest.approx(0.15, abs=0.01)
    assert (hidden[chosen] == encoder.encoder.mask).float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert (hidden[chosen] == ids[chosen]).float().mean().item() == pytest.approx(0.1, abs=0.02)


def test_masked_words_of_nothing_to_guess_is_zero():
    made, network, encoder = masked()
    batch = encoder.batch(encoder.encode([""]), np.arange(1))
    arrays = {name: torch.from_numpy(array) for name, array in batch.items()}
    assert made(Step(network, arrays, torch.tensor([-1]), 0)).item() == 0.0


def test_masked_words_refuses_a_student_without_tokens_to_guess():
    network, encoder = student("gru")
    with pytest.raises(LimbeckError, match=r"needs student.network = 'albert'"):
        MaskedWords(Objective(), network, encoder, CLASSES)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("network", TINY)
def test_every_loss_reaches_the_students_weights(name, network):
    if name in ("reverse-distillation", "reconstruction"):
        pytest.skip("only detectors rebuild what they see: tests/objectives/test_reverse.py")
    if name == "masked-words" and network != "albert":
        pytest.skip("only ALBERT guesses words")
    if name == "distil-hidden" and network == "ngram":
        pytest.skip("a linear student has nothing hidden")
    if OBJECTIVES[name].boxes:
        pytest.skip("for detectors of boxes: tests/detect")
    if name in ("adversarial", "fourier"):
        pytest.skip("for students of pictures, see their own tests")
    net, encoder = student(network)
    if name == "consistency":
        net = shaken(net, 0)  # a fresh linear student agrees with itself
    learner = Learner(net, Objective(losses={name: 1.0}), encoder, CLASSES)
    for part in learner.losses.values():
        part.prepare(np.array([0, 1, 2]))
        part.prepare_hidden(5)
    rows = encoder.encode(TEXTS)
    net.fit_start(rows)
    batch = encoder.batch(rows, np.arange(len(TEXTS)))
    torch.manual_seed(0)
    arrays = {key: torch.from_numpy(array) for key, array in batch.items()}
    target = torch.softmax(torch.randn(len(TEXTS), 3), dim=1)
    more = {"hidden": torch.randn(len(TEXTS), 5), "view": {key: array.roll(1, 0) for key, array in arrays.items()}}
    labels = torch.arange(len(TEXTS)) % 3
    if OBJECTIVES[name].several:
        labels = nn.functional.one_hot(labels).float()
    total, parts = learner(arrays, labels=labels, target=target, epoch=0, **more)
    total.backward()
    assert list(parts) == [name]
    silent = [key for key, weight in net.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    # Guessing words uses neither the classifier's head nor the pooler; the key bias of attention cancels in softmax.
    allowed = {"masked-words": ("head.", "albert.pooler."), "distil-hidden": ("head.",)}.get(name, ())
    assert [key for key in silent if not key.startswith(allowed) and "key.bias" not in key] == []


def test_the_total_is_the_weighted_sum_and_a_ramp_rises_with_the_epochs():
    net, encoder = student()
    ramp = {"base": 2.0, "start": 0.1, "step": 0.1, "limit": 0.25}
    objective = Objective.model_validate({"losses": {"hard": 0.5, "hinge": ramp}})
    learner = Learner(net.eval(), objective, encoder, CLASSES)
    batch = encoder.batch(encoder.encode(TEXTS[:6]), np.arange(6))
    arrays = {key: torch.from_numpy(array) for key, array in batch.items()}
    for epoch, weight in ((0, 0.2), (1, 0.4), (5, 0.5)):
        total, parts = learner(arrays, labels=torch.tensor([0, 1, 2, 0, 1, 2]), target=None, epoch=epoch)
        torch.testing.assert_close(total.detach(), 0.5 * parts["hard"] + weight * parts["hinge"])


def test_an_unknown_loss_names_the_nearest():
    net, encoder = student()
    with pytest.raises(LimbeckError, match=r"unknown loss 'hrad' in objective.losses; did you mean 'hard'"):
        Learner(net, Objective(losses={"hrad": 1.0}), encoder, CLASSES)
