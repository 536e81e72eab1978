"""Detectors of anomalies."""
