"""Figures of found boxes against true ones."""
