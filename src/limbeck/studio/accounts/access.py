"""Which ability a view needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from limbeck.studio.roles import Ability

View = TypeVar("View", bound=Callable[..., HttpResponse])


def needs(ability: Ability) -> Callable[[View], View]:
    """Let only people with an ability reach a view; others get 403. Anonymous ones are sent to sign in before this."""

    def decorated(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *given: Any, **named: Any) -> HttpResponse:
            if not request.user.is_authenticated or not request.user.may(ability):
                raise PermissionDenied
            return view(request, *given, **named)

        checked.ability = ability  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return decorated
