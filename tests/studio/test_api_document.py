"""The API does what its document says: requests that schemathesis makes from it, with all checks."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.api_document import tried

from limbeck.studio.accounts.models import User
from limbeck.studio.roles import Ability
from studio_tokens import token_of


@pytest.mark.django_db(transaction=True)
def test_the_api_does_what_its_document_says(people: dict[str, User], live_server: Any) -> None:
    requests, wrong = tried(live_server.url, token_of(people["administrator"], *Ability), 1, coverage=False)
    assert requests > 50 and not wrong, wrong
