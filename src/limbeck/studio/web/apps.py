"""The app of pages, and what all apps share."""

from __future__ import annotations

from django.apps import AppConfig


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.web"
    label = "web"

    def ready(self) -> None:
        """Look-ups without regard to case."""
        from limbeck.studio.web.any_case import register

        register()
