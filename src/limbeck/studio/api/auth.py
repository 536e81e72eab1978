"""Bearer tokens, and the scope that an operation needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import HttpBearer

from limbeck.studio.api import services
from limbeck.studio.roles import Ability


class Bearer(HttpBearer):
    """Find the person behind ``Authorization: Bearer lbk_…`` and hold the token to a scope."""

    def __init__(self, ability: Ability) -> None:
        super().__init__()
        self.ability = ability

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """Return the token; None, which answers 401, for one that is not valid; 403 for one without the scope."""
        found = services.find(token)
        if found is None:
            return None
        if self.ability not in services.abilities(found):
            raise HttpError(403, f"the token needs the scope {self.ability.value!r}, and its owner a role that has it")
        request.user = found.user
        return found


Needing = Callable[[Ability], Bearer]
READ, DETECT, ADMINISTER = Bearer(Ability.READ), Bearer(Ability.DETECT), Bearer(Ability.ADMINISTER)
REVIEW = Bearer(Ability.REVIEW)
