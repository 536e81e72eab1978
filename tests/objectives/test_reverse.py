"""Losses of detectors: both published forms of the cosine, reaching what is trained and nothing that is frozen."""

import pytest
import torch

from limbeck.errors import LimbeckError
from limbeck.networks import NETWORKS
from limbeck.objectives import OBJECTIVES
from limbeck.objectives.base import Step
from limbeck.recipe import DETECTED, Input, Objective


class Reader:
    """What a detector wants to know of its input."""

    size = 32
    settings = Input(size=32, convention="imagenet")


def made(name, **options):
    torch.manual_seed(0)
    kind = NETWORKS[name]
    return kind(kind.parse({"encoder": "squeezenet1_1", "layers": ["fire2", "fire4"], **options}), Reader(), 2)


class Pairs(torch.nn.Module):
    """A student that gives fixed maps."""

    def __init__(self, *pairs):
        super().__init__()
        self.given = list(pairs)

    def pairs(self, pixels):
        return self.given


@pytest.mark.parametrize("form", ["flattened", "location"])
def test_the_forms_are_the_formulas(form):
    torch.manual_seed(0)
    seen, rebuilt = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    student = Pairs((seen, rebuilt), (2 * seen, 5 * seen))
    loss = OBJECTIVES["reverse-distillation"](Objective(form=form), student, None, DETECTED)
    found = loss(Step(student, {"pixels": torch.zeros(2, 3, 8, 8)}, torch.zeros(2), 0))
    if form == "flattened":
        a, b = seen.flatten(1), rebuilt.flatten(1)
        expected = (1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))).mean()
    else:
        expected = (1 - (seen * rebuilt).sum(1) / (seen.norm(dim=1) * rebuilt.norm(dim=1))).mean()
    torch.testing.assert_close(found, expected)  # the second scale points the same way and adds nothing


@pytest.mark.parametrize("name", ["reverse-distillation", "student-teacher"])
@pytest.mark.parametrize("form", ["flattened", "location"])
def test_the_loss_reaches_all_that_is_trained_and_the_encoder_stays(name, form):
    network = made(name).train()
    before = {key: value.clone() for key, value in network.frozen.state_dict().items()}
    loss = OBJECTIVES["reverse-distillation"](Objective(form=form), network, None, DETECTED)
    loss(Step(network, {"pixels": torch.randn(3, 3, 32, 32)}, torch.zeros(3), 0)).backward()
    for key, weight in network.named_parameters():
        if key.startswith("frozen."):
            assert weight.grad is None, key
        else:
            assert weight.grad is not None and torch.isfinite(weight.grad).all(), key
    assert sum(float(w.grad.abs().sum()) > 0 for w in network.parameters() if w.grad is not None) > 5
    assert all(torch.equal(value, before[key]) for key, value in network.frozen.state_dict().items())


def test_a_classifier_is_refused():
    kind = NETWORKS["resnet18"]
    network = kind(kind.parse({}), None, 2)
    for name in ("reverse-distillation", "reconstruction"):
        with pytest.raises(LimbeckError, match="needs a"):
            OBJECTIVES[name](Objective(), network, None, DETECTED)
