"""The app's name."""

from __future__ import annotations

from django.apps import AppConfig


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.review"
    label = "review"
