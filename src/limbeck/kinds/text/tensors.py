"""Texts as tensors: one BYTES tensor [N] of UTF-8, and as JSON ``{"texts": [...]}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from limbeck.kinds.tensors import BYTES, Port, Tensor, one, texts
from limbeck.recipe import Task

MANY = "texts"  # what rows are called in the body of a plain request
_CALL = 16  # characters that a text costs beside its own


def ports(task: Task, encoder: Any) -> tuple[Port, ...]:  # noqa: ARG001
    """Return the tensors that a model takes."""
    return (Port(task.inputs[0], BYTES, (-1,)),)


def values_from(tensors: Mapping[str, Tensor], task: Task) -> list[str | None]:
    """Return N raw values of the tensors of a request.

    Raises
    ------
    LimbeckError
        When they are not one BYTES tensor [N] of UTF-8.
    """
    return texts(one(tensors, task.inputs[0]))


def values_of_json(rows: list[Any], task: Task) -> list[Any]:  # noqa: ARG001
    """Return N raw values of a JSON list: the texts themselves."""
    return rows


def cost(values: Sequence[str]) -> int:
    """Return what N texts cost to answer, in characters."""
    return sum(map(len, values)) + _CALL * len(values)
