"""A recalibrated bundle: the files of its parent, with new numbers before the softmax and a new threshold."""

from __future__ import annotations

import datetime
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import Manifest, Recalibration, Sets, write_manifest
from limbeck.bundle.onnx.rescale import rescaled
from limbeck.bundle.reference import FILE as REFERENCE
from limbeck.bundle.reference import reference_of, to_json
from limbeck.bundle.training_hashes import add_seen
from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.evaluation.bundle_files import stored_metrics
from limbeck.files import whole_folder, write_json, write_text
from limbeck.kinds.select import values_of
from limbeck.messages.escape import in_markdown
from limbeck.metrics.fitted.conformal import fit_sets
from limbeck.metrics.fitted.recalibration import Change, logits_of
from limbeck.version import __version__

REPORT, CARD, METRICS = "report.html", "README.md", "metrics.json"
# Of two classes: what an offset and a scale do not change, as they keep the order of the rows.
_RANKING = ("n", "roc_auc", "eer", "pr_auc", "ap", "bpcer_at_apcer_1", "image_auroc", "pixel_auroc")
_LARGEST = 1e-4  # difference of a probability from what the new numbers say


@dataclass(frozen=True)
class How:
    """Which rows a recalibration was given, and what was asked of it."""

    how: Any  # "labelled", "normal-only" or "class-rates"
    false_alarms: float | None = None
    class_rates: dict[str, float] | None = None


@dataclass(frozen=True)
class Written:
    """What the new bundle says of itself."""

    temperature: float
    threshold: float
    version: str


def write_recalibrated(
    parent: Classifier, target: Path, how: How, change: Change, threshold: float, rows: Dataset, p: np.ndarray,
    keys: Sequence[str],
) -> Written:  # fmt: skip
    """Write the new bundle, whole or not at all, and check that it answers as it should.

    Parameters
    ----------
    rows, p, keys
        The rows that were used, the parent's probabilities float32 [N, C] of them, and what tells them apart.
    """
    manifest, labels = parent.manifest, rows.labels
    with whole_folder(target) as folder:
        for name in manifest.files:
            if name == REPORT:  # it shows decisions that this bundle does not make
                continue
            shutil.copyfile(parent.path / name, folder / name)
            if name.endswith(".onnx"):
                file = folder / name
                file.write_bytes(rescaled(file.read_bytes(), change.scale, change.offset, parent.path / name))
        add_seen(folder, keys)
        made = change.applied(logits_of(p))
        # Without labels nothing is known of coverage at the new place.
        sets = fit_sets(made, labels) if how.how == "labelled" and len(np.unique(labels)) == made.shape[1] else None
        facts = _facts(parent, target.resolve().name, how, change, threshold, len(p))
        facts["sets"] = Sets.of(sets, parent.classes, "recalibration")
        _write_reference(parent, folder, how, labels, made, threshold)
        write_json(folder / METRICS, _metrics(parent, how, len(p)))
        write_text(folder / CARD, _card(parent, facts))
        write_manifest(folder, facts)
        with Classifier(folder, threads=parent.threads) as classifier:
            some = np.unique(np.linspace(0, len(p) - 1, min(len(p), 200)).astype(np.int64))
            answers = classifier.probabilities_of(values_of(rows.frame[some], manifest.task))
            moved = float(np.abs(answers - made[some]).max())
            if not moved <= _LARGEST and "int8" not in parent.model:  # so written that a NaN is refused
                what = f"the recalibrated model differs by {moved:.1e} from what was fitted"
                raise LimbeckError(what, where=parent.path, fix="report it")
            return Written(classifier.manifest.temperature, classifier.threshold, classifier.version)


def _facts(parent: Classifier, name: str, how: How, change: Change, threshold: float, rows: int) -> dict[str, Any]:
    """Return the facts of ``bundle.json``: the parent's, with the new calibration."""
    manifest: Manifest = parent.manifest
    facts = {key: getattr(manifest, key) for key in Manifest.model_fields if key not in ("format", "files")}
    before = np.array(manifest.offset or [0.0] * len(manifest.classes))
    stated = Recalibration(
        parent=manifest.name, parent_version=parent.version, how=how.how, rows=rows,
        false_alarms=how.false_alarms, class_rates=how.class_rates,
    )  # fmt: skip
    return facts | {
        "name": name,
        "limbeck": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "threshold": threshold,
        "temperature": manifest.temperature / change.scale,
        "offset": (change.scale * before + change.offset).tolist(),
        "recalibrated": stated,
    }


def _write_reference(
    parent: Classifier, folder: Path, how: How, labels: np.ndarray, p: np.ndarray, threshold: float
) -> None:
    """Replace the histogram of probabilities in the reference; rows of one class say nothing of later ones."""
    if not (folder / REFERENCE).exists() or (known := parent.reference) is None:
        return
    scores = None
    if how.how != "normal-only":
        one = parent.manifest.positive
        decided = p.argmax(axis=1) if p.shape[1] > 2 else np.where(p[:, one] >= threshold, one, 1 - one)
        nothing: Any = ("rows", np.empty(0))
        scores = reference_of(parent.classes, p.astype(np.float32), decided, labels, nothing, None).scores
    made = known.model_copy(update={"scores": scores})
    write_text(folder / REFERENCE, to_json(made).decode("utf-8"))


def _metrics(parent: Classifier, how: How, rows: int) -> dict[str, Any]:
    """Return the dict of ``metrics.json``: of the parent's figures on test those that still hold."""
    stored = stored_metrics(parent.path)
    test = stored.get("test")
    held = {}
    if isinstance(test, dict) and len(parent.classes) == 2:
        held = {name: test[name] for name in _RANKING if name in test}
    kept: dict[str, Any] = {name: stored[name] for name in ("history", "best_epoch", "baselines") if name in stored}
    earlier = stored.get("parent") if "recalibrated" in stored else stored
    facts = {"parent": parent.manifest.name, "version": parent.version, "how": how.how, "rows": rows}
    evaluated = stored.get("judged_on")
    return {"judged_on": evaluated, "test": held, **kept, "recalibrated": facts, "parent": earlier}


def _card(parent: Classifier, facts: dict[str, Any]) -> str:
    """Return the model card: the parent's, with a section in front that says what has changed."""
    stated: Recalibration = facts["recalibrated"]
    file = parent.path / CARD
    before = file.read_text(encoding="utf-8") if CARD in parent.manifest.files else f"# {in_markdown(facts['name'])}\n"
    kinds = {
        "labelled": f"{stated.rows:,} labelled rows",
        "normal-only": f"{stated.rows:,} rows of the normal class; of new ones at most "
        f"{stated.false_alarms or 0:.1%} are expected above the threshold",
        "class-rates": f"{stated.rows:,} rows without labels, at stated rates: "
        + ", ".join(f"{in_markdown(name)} {rate:.1%}" for name, rate in (stated.class_rates or {}).items()),
    }
    name = in_markdown(stated.parent)
    lines = [
        "## Recalibrated", "",
        f"This bundle is `{stated.parent_version}` ({name}) with a new temperature ({facts['temperature']:.4g}), "
        f"offset and threshold, fitted on {kinds[stated.how]}.",
        "The figures below are those of the earlier bundle. AUC, EER and AP of two classes still hold, no other figure "
        "does: run `limbeck evaluate` on labelled rows of the new place.", "",
    ]  # fmt: skip
    head, mark, tail = before.partition("\n## ")
    if tail.startswith("Recalibrated\n"):  # twice: the last one counts
        mark, tail = "\n## ", tail.partition("\n## ")[2]
    line = f"from a probability of {facts['threshold']:.4f} on, set by recalibration."
    head = re.sub(r"from a probability of [\d.]+ on(, chosen on valid|, set by recalibration)?\.", line, head)
    return head + "\n" + "\n".join(lines) + (mark + tail if mark else "")
