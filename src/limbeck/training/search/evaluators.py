"""Where the trials of a search are evaluated: by this process, or elsewhere by whoever takes its requests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from limbeck.errors import LimbeckError
from limbeck.training.search.trial import Prepared, Request, Score

# Takes trials that were drawn together, and yields the place of each with its score, in any order.
Evaluator = Callable[[list[Request]], Iterator[tuple[int, Score]]]
_elsewhere: ContextVar[Evaluator | None] = ContextVar("elsewhere", default=None)


@contextlib.contextmanager
def evaluating(by: Evaluator) -> Iterator[None]:
    """Let ``by`` evaluate the trials of searches inside."""
    before = _elsewhere.set(by)
    try:
        yield
    finally:
        _elsewhere.reset(before)


def evaluator(prepared: Prepared) -> Evaluator:
    """Return who evaluates trials; by default this process, one after the other.

    Raises
    ------
    LimbeckError
        When trials are to be evaluated elsewhere and the recipe draws one at a time.
    """
    by = _elsewhere.get()
    if by is None:
        return lambda requests: (
            (at, prepared.evaluate(request.chosen, request.earlier)) for at, request in enumerate(requests)
        )
    if prepared.recipe.tune.parallel == 1:
        what = "tune.parallel is 1: each trial is drawn after the one before has its score"
        raise LimbeckError(what, where="--on", fix="say how many are drawn at once, e.g. --set tune.parallel=4")
    return by
