"""Evaluation of detectors: the metrics of COCO, an operating point, a report."""
