"""Errors that people can fix, as pages and the API show them."""

from __future__ import annotations

from limbeck.errors import LimbeckError


def shown(error: LimbeckError) -> str:
    """Return what is wrong and how to fix it, without paths of this machine."""
    return f"{error.what}. {error.fix}" if error.fix else str(error.what)
