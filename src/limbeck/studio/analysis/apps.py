"""The app's name, and the counting that workers do beside their jobs."""

from __future__ import annotations

from django.apps import AppConfig


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.analysis"
    label = "analysis"
    chores = ("limbeck.studio.analysis.roll_up:roll_up",)
