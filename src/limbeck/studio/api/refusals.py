"""How operations refuse: the responses that the document names, and errors of the services as HTTP errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ninja.errors import HttpError

from limbeck.errors import LimbeckError
from limbeck.studio.api.schemas import Problem
from limbeck.studio.web.problems import shown

REFUSED = {400: Problem, 401: Problem, 403: Problem, 404: Problem, 409: Problem, 422: Problem}


@contextmanager
def refusing(status: int = 409) -> Iterator[None]:
    """Answer with a status where a service raises `LimbeckError`: 409 for a conflict, 400 for data."""
    try:
        yield
    except LimbeckError as error:
        raise HttpError(status, shown(error)) from error
