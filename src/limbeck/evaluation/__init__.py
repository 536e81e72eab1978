"""Evaluation: metrics, thresholds, comparison, slices, the baseline and the report.

Everything but `report.write_report` is a pure function of arrays. Labels are ``y: int64[N]`` in 0..C-1,
probabilities are ``p: float[N, C]``. Nothing here needs torch; scikit-learn only when `baseline` is used.
"""
