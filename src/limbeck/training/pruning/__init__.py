"""Cutting out the units of a trained network that matter least."""
