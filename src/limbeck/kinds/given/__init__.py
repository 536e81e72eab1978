"""Rows given from Python: frames, lists and arrays."""
