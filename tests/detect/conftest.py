"""Detectors that these tests train are opened in the process that asks too."""

from training.conftest import exports_are_plain

__all__ = ["exports_are_plain"]
