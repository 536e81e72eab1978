"""The student's features learn to foretell a teacher's, in the same pass as its answer."""

import pytest
import torch
from torch import nn

from limbeck.errors import LimbeckError
from limbeck.objectives import Step, guided
from limbeck.objectives.distil_hidden import DistilHidden
from limbeck.recipe import Objective
from limbeck.training.fit.learner import Learner

from .test_objectives import CLASSES, TEXTS, student


def toy(network="gru", width=4):
    net, encoder = student(network)
    learner = Learner(net, Objective(losses={"distil-hidden": 1.0}), encoder, CLASSES)
    torch.manual_seed(0)
    learner.losses["distil-hidden"].prepare_hidden(width)
    rows = encoder.encode(TEXTS)
    batch = encoder.batch(rows, torch.arange(len(TEXTS)).numpy())
    arrays = {key: torch.from_numpy(array) for key, array in batch.items()}
    # What a teacher may see in a text: which of a few characters it holds.
    marks = torch.tensor([[text.count(char) > 0 for char in "很太不难"[:width]] for text in TEXTS]).float()
    return learner, arrays, (marks - marks.mean(dim=0)) / marks.std(dim=0, unbiased=False)


def value(learner, arrays, hidden):
    labels = torch.full((len(hidden),), -1)
    return learner(arrays, labels, None, 0, hidden)[0]


def test_it_is_the_mean_squared_error_over_known_rows_and_dimensions():
    learner, arrays, hidden = toy()
    learner.eval()
    hidden[3] = torch.nan
    known = [row for row in range(len(hidden)) if row != 3]
    head = learner.losses["distil-hidden"].head
    guess = head(learner.network.features(*arrays.values()))
    expected = nn.functional.mse_loss(guess[known], hidden[known])
    torch.testing.assert_close(value(learner, arrays, hidden), expected)


def test_rows_without_features_cost_nothing_and_move_nothing():
    learner, arrays, hidden = toy()
    found = value(learner, arrays, torch.full_like(hidden, torch.nan))
    found.backward()
    assert found == 0.0
    assert all(weight.grad is None or not weight.grad.any() for weight in learner.parameters())


def test_the_student_and_the_head_get_a_gradient_and_the_loss_falls():
    learner, arrays, hidden = toy()
    start = value(learner, arrays, hidden)
    start.backward()
    assert learner.losses["distil-hidden"].head.weight.grad.any()
    assert learner.network.embedding.table.weight.grad.any()
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = value(learner, arrays, hidden)
        loss.backward()
        optimizer.step()
    assert start.item() > 0.9
    assert loss.item() < 0.5 * start.item()


def test_logits_and_features_come_of_one_pass_and_are_those_of_the_network():
    learner, arrays, hidden = toy("textcnn")
    net = learner.network.eval()
    passes = []
    net.register_forward_hook(lambda *_: passes.append(1))
    step = Step(net, arrays, torch.zeros(len(hidden)), 0)
    assert torch.equal(step.features, net.features(*arrays.values()))
    assert torch.equal(step.logits, net.head(step.features))
    assert len(passes) == 1
    assert not net.head._forward_pre_hooks


def test_a_linear_student_and_a_missing_teacher_are_one_line():
    net, encoder = student("ngram")
    with pytest.raises(LimbeckError, match=r"needs a network with a hidden layer; set student.hidden"):
        DistilHidden(Objective(), net, encoder, CLASSES)
    learner, arrays, _ = toy()
    with pytest.raises(LimbeckError, match="needs a teacher that gives features"):
        learner(arrays, torch.full((len(TEXTS),), -1), None, 0)
    assert guided(["hard", "distil-hidden"]) and not guided(["hard", "unknown"])
