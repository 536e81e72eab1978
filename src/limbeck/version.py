"""The version of Limbeck."""

__version__ = "0.1.0"
