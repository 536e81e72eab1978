"""The app's name, and what is heard when it starts."""

from __future__ import annotations

from django.apps import AppConfig


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Listen to django-allauth."""
        from limbeck.studio.accounts import signals  # noqa: F401
