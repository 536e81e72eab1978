"""Access tokens for tests of the studio's API."""

from typing import Any


def token_of(user: Any, *scopes: Any) -> str:
    """Make a token with some scopes, and return its text."""
    from limbeck.studio.api.services import create

    return create(user, "test", list(scopes), 1)[1]
