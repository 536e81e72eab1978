"""`limbeck evaluate` of a bundle that finds boxes: pictures with boxes in, metrics and report out."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from limbeck.bundle.detect.detector import LEAST, Detector
from limbeck.bundle.detect.found import Detections
from limbeck.errors import LimbeckError
from limbeck.evaluation.bundle_files import learned_warning, stored_baselines, stored_metrics
from limbeck.events import check, stage
from limbeck.kinds.given.given_rows import rows_given
from limbeck.kinds.image.reading.decode import Picture
from limbeck.messages.message import Message, message
from limbeck.messages.message import stored as to_json
from limbeck.metrics.boxes.coco import Curves, Found, coco_metrics
from limbeck.metrics.boxes.operating import at_thresholds, confusion
from limbeck.metrics.boxes.resample import intervals
from limbeck.tasks.detect.baseline import NAME
from limbeck.tasks.detect.boxes import Annotated, Labelled, truths
from limbeck.tasks.detect.reading.read import read_boxes

BACKGROUND = "background"


@dataclass(frozen=True)
class Evaluated:
    """What a detector is worth on N pictures.

    Attributes
    ----------
    figures
        The metrics, as `evaluate` returns them.
    curves
        Class -> precision over recall; None of a class without objects.
    pictures, found
        The pictures, and what was found in each from a score of 0.01 on.
    """

    figures: dict[str, Any]
    curves: dict[str, Curves | None]
    pictures: Sequence[Labelled]
    found: Sequence[Detections]
    verdict: Message

    def write(
        self, path: str | Path, detector: Detector, facts: Mapping[str, Any], history: Sequence[Mapping[str, Any]],
        baselines: Sequence[Mapping[str, Any]], *, lang: str, pictures: bool, warning: Message | None = None,
    ) -> None:  # fmt: skip
        """Write the report; see `limbeck.evaluation.detect.report.write_report`."""
        from limbeck.evaluation.detect.report import write_report

        write_report(path, self, detector, facts, history, baselines, lang=lang, pictures=pictures, warning=warning)


def evaluate(
    bundle: str | Path | Detector,
    data: str | Path | Any,
    *,
    report: str | Path | None = None,
    where: Mapping[str, str] | None = None,
    group: str | None = None,
    bootstrap: int = 1000,
    lang: str = "en",
    pictures: bool = False,
    encoding: str | None = None,
    rename: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Measure a detector on pictures with boxes; see `limbeck.evaluate`.

    Where the labels name a part ``test``, its pictures alone count, unless ``where`` names another ``split``.

    Returns
    -------
    dict
        What `limbeck.metrics.boxes.coco.coco_metrics` gives, without curves, and what `at_thresholds` gives; ``n``
        pictures, ``confusion`` with the background last, ``classes``, ``confidence_intervals`` of AP; ``rejected``, a
        list of dictionaries; ``verdict``, ``baselines``, ``warnings``, ``findings`` and ``messages`` as of classifiers.

    Raises
    ------
    LimbeckError
        For labels that cannot be read, or none of whose classes the bundle knows.
    """
    if encoding is not None or rename:
        fix = "leave --encoding and --rename out"
        raise LimbeckError("these options are of bundles of classifiers", where="evaluate", fix=fix)
    if rows_given(data) is not None:
        raise LimbeckError("boxes are read from files", where="data", fix="give the folder or file of the labels")
    if pictures and report is None:
        raise LimbeckError("small pictures are for the report", where="--pictures", fix="name a file with --report")
    with contextlib.ExitStack() as stack:
        detector = bundle if isinstance(bundle, Detector) else stack.enter_context(Detector(bundle))
        with stage("read"):
            rows, notes = labelled(detector, Path(data), where or {})
        with stage("evaluate"):
            found = evaluated(detector, rows, bootstrap, grouped=group is not None)
        warnings = learned_warning(detector.path, [one.sha256 for one in rows.pictures])
        stored = stored_metrics(detector.path)
        baselines = stored_baselines(stored, NAME)
        if report is not None:
            history, facts = stored.get("history", []), {"data": str(data)}
            found.write(
                report, detector, facts, history, baselines, lang=lang, pictures=pictures,
                warning=next(iter(warnings), None),
            )  # fmt: skip
    findings = [*notes, *rows.findings]
    return {
        **found.figures,
        "verdict": found.verdict,
        "baselines": baselines,
        "rejected": [one.row() for one in rows.rejected],
        "warnings": warnings,
        "findings": findings,
        "messages": to_json(findings),
    }


def labelled(detector: Detector, data: Path, where: Mapping[str, str]) -> tuple[Annotated, list[Message]]:
    """Return the pictures that count, and notes on which do.

    Raises
    ------
    LimbeckError
        For another column than ``split`` in ``where``, or when no picture is left.
    """
    if unknown := [name for name in where if name != "split"]:
        raise LimbeckError(f"pictures are chosen by split, not by {unknown[0]}", where="--where", fix="split=test")
    task = detector.manifest.task
    rows = read_boxes(data, task, None, detector.classes)
    wanted = where.get("split") or ("test" if any(one.part == "test" for one in rows.pictures) else None)
    notes = []
    if wanted is not None:
        kept = rows.part(wanted)
        if len(kept) < len(rows.pictures):
            notes.append(message("boxes.part_alone", part=wanted, count=len(kept), total=len(rows.pictures)))
        rows = replace(rows, pictures=tuple(kept))
    if not rows.pictures:
        raise LimbeckError(f"no picture is in {wanted!r}", where=data, fix="check --where")
    if rows.rejected:
        notes.append(message("boxes.rejected_here", first=rows.rejected[0].reason, **rows.left_out()))
    return rows, notes


def evaluated(detector: Detector, rows: Annotated, bootstrap: int, *, grouped: bool = False) -> Evaluated:
    """Return what a detector is worth on pictures.

    Parameters
    ----------
    grouped
        Whether the bootstrap draws groups of pictures, not single ones.
    """
    pictures = rows.pictures
    answers: list[Detections] = []
    window = detector.window
    for at in range(0, len(pictures), window):
        check()
        part = [Picture(one.file, name=one.name) for one in pictures[at : at + window]]
        answers += detector.found(detector.encode(part), LEAST)
    true = truths(pictures)
    found = [_as_found(one) for one in answers]
    classes, cuts = list(detector.classes), detector.facts.thresholds
    metrics = coco_metrics(true, found, classes)
    curves = metrics.pop("curves")
    point = at_thresholds(true, found, classes, cuts)
    by_class = point.pop("by_class")
    metrics["per_class"] = {name: {**row, **by_class[name]} for name, row in metrics["per_class"].items()}
    groups = [one.group or one.name for one in pictures] if grouped else None
    metrics |= {
        "n": len(pictures), "objects": sum(row["objects"] for row in metrics["per_class"].values()), **point,
        "threshold": detector.threshold, "thresholds": cuts, "classes": classes,
        "confusion": confusion(true, found, classes, cuts),
        "confidence_intervals": intervals(true, found, classes, draws=bootstrap, groups=groups),
    }  # fmt: skip
    return Evaluated(metrics, curves, pictures, answers, _verdict(metrics))


def _as_found(one: Detections) -> Found:
    return Found(one.edges.astype("float64"), one.scores.astype("float64"), one.labels)


def _verdict(metrics: Mapping[str, Any]) -> Message:
    if metrics["ap"] is None:
        return message("boxes.no_objects", count=metrics["n"])
    told = {name: 100 * (metrics[name] or 0.0) for name in ("ap", "ap50", "precision", "recall")}
    return message("boxes.verdict", count=metrics["n"], objects=metrics["objects"], **told)
