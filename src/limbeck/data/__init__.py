"""Rows in: read tables, validate, clean, find copies, split; nothing here knows of any network."""
