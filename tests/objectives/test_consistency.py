"""A row and the same row changed get the same answer, and the changed one follows."""

import pytest
import torch
from torch import nn

from limbeck.errors import LimbeckError
from limbeck.objectives import Step
from limbeck.objectives.consistency import Consistency
from limbeck.recipe import Objective

PLAIN, CHANGED = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.0, 3.0]])


class Table(nn.Module):
    """A student that answers row ``i`` of plain and of changed rows with logits of its own."""

    def __init__(self):
        super().__init__()
        self.rows = nn.ParameterList([PLAIN.clone(), CHANGED.clone()])

    def forward(self, which):
        return self.rows[int(which)]


def step():
    views = {"which": torch.tensor(0)}, {"which": torch.tensor(1)}
    return Step(Table(), views[0], torch.tensor([-1, -1]), 0, view=views[1])


@pytest.mark.parametrize("sharpen", [1.0, 0.4])
def test_it_is_the_divergence_from_the_sharpened_plain_answer(sharpen):
    loss = Consistency(Objective(sharpen=sharpen), None, None, ("a", "b", "c"))
    p, q = torch.softmax(PLAIN / sharpen, dim=1), torch.softmax(CHANGED, dim=1)
    torch.testing.assert_close(loss(step()).detach(), (p * (p / q).log()).sum(dim=1).mean())


def test_only_the_changed_row_is_pushed_and_it_comes_to_the_plain_one():
    loss, given = Consistency(Objective(), None, None, ("a", "b", "c")), step()
    student = given.student
    optimizer = torch.optim.SGD(student.parameters(), lr=1.0)
    start = loss(given).item()
    for _ in range(300):
        now = Step(student, given.arrays, given.labels, 0, view=given.view)
        optimizer.zero_grad()
        found = loss(now)
        found.backward()
        assert student.rows[0].grad is None
        optimizer.step()
    assert torch.equal(student.rows[0], PLAIN)
    assert found.item() < 0.01 < 0.3 < start
    torch.testing.assert_close(student.rows[1].softmax(1), PLAIN.softmax(1), atol=0.03, rtol=0)


def test_without_a_view_it_says_so():
    with pytest.raises(LimbeckError, match="needs a changed view of each row"):
        Consistency(Objective(), None, None, ("a", "b"))(Step(Table(), {}, torch.tensor([0]), 0))
