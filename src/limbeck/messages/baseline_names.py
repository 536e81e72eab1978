"""What baselines are called, in both languages. Their names are English data in metrics.json, as findings are."""

from __future__ import annotations

NAMES = {
    "TF-IDF + linear SVM": "TF-IDF + 线性 SVM",
    "gradient-boosted trees": "梯度提升树",
    "boosting on samples and RR intervals": "采样值与 RR 间期上的提升树",
    "colour, thumbnail, spectrum + logistic regression": "颜色、缩略图、频谱 + 逻辑回归",
    "majority class": "多数类",
    "isolation forest": "孤立森林",
}
# Behind the name of one that was measured where the bundle was trained, not on the rows at hand.
THEN = " (on the bundle's own test rows)", "（在模型包自己的测试样本上）"


def named(baseline: str) -> tuple[str, str]:
    """Return (English, Chinese) of a baseline's name; one that is none of ours stays as it is."""
    name = baseline.removesuffix(THEN[0])
    return baseline, NAMES.get(name, name) + (THEN[1] if name != baseline else "")
