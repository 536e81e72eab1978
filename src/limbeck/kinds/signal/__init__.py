"""Signals: windows of one or more leads."""
