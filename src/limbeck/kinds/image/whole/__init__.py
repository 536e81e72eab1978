"""Whole pictures: fitted into a letterbox, and drawn into."""
