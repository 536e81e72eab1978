"""Anomaly detection: learn from normal rows only."""
