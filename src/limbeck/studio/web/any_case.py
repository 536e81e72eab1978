"""Look-ups that ignore case on MySQL and MariaDB too.

There ``LIKE`` follows the collation, and the studio's is binary, so that exact look-ups are exact; Django's own
``iexact`` and ``icontains`` would tell ``WANG@example.org`` from ``wang@example.org``.
"""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, TextField
from django.db.models.lookups import IContains, IExact


class _LowerLike:
    """SQL of a look-up with both sides in lower case."""

    def as_mysql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Return the condition and its parameters."""
        left, left_parameters = self.process_lhs(compiler, connection)  # type: ignore[attr-defined]
        right, right_parameters = self.process_rhs(compiler, connection)  # type: ignore[attr-defined]
        return f"LOWER({left}) LIKE LOWER({right})", [*left_parameters, *right_parameters]


class AnyCaseExact(_LowerLike, IExact):
    """``field__iexact``."""


class AnyCaseContains(_LowerLike, IContains):
    """``field__icontains``."""


def register() -> None:
    """Let all columns of text be looked up so."""
    for field in (CharField, TextField):
        for lookup in (AnyCaseExact, AnyCaseContains):
            field.register_lookup(lookup)
