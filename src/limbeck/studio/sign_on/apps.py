"""The app's name."""

from __future__ import annotations

from django.apps import AppConfig


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.sign_on"
    label = "sign_on"
