"""The model card of a bundle (Mitchell et al. 2019): what it is, on what it was measured, what not to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from limbeck.data.prepare import Dataset
from limbeck.evaluation.inert import inert
from limbeck.recipe import Recipe

if TYPE_CHECKING:
    from limbeck.training.student import Student

_KINDS = ("A classifier", "A detector of anomalies")
_GIVES = (
    "a calibrated probability for each class",
    "a score that orders rows, one half at the line between normal and anomaly; it is no frequency",
)
_NAMED = 12  # teachers that the card names
_ROWS = ("accuracy", "macro_f1", "roc_auc", "eer", "ece", "brier")


def model_card(
    recipe: Recipe, rows: Dataset, student: Student, stored: Mapping[str, Any], trust: Mapping[str, Any] | None = None
) -> str:
    """Return the card as Markdown; ``trust`` is the dict of ``trust.json`` where there were teachers."""
    metrics, part = stored["test"], stored["judged_on"]
    counts = ", ".join(f"{int((rows.split == name).sum()):,} {name}" for name in ("train", "valid", "test"))
    lines = [
        f"# {_KINDS[recipe.task.anomaly]} of {recipe.task.rows}: {' / '.join(rows.classes)}",
        "",
        f"A `{recipe.student.network}` network of {student.parameters:,} weights, made by Limbeck. "
        f"It reads the column `{recipe.task.input}` and gives {_GIVES[recipe.task.anomaly]}.",
        "",
        f"Trained and judged on {counts} rows of {', '.join(sorted({source.name for source in rows.sources}))}.",
        *(_taught(trust) if trust else []),
        "",
        f"## Measured on {part}",
        "",
        "| metric | value | 95 % interval | " + " | ".join(row["name"] for row in stored["baselines"]) + " |",
        "|---|---|---|" + "---|" * max(len(stored["baselines"]), 1),
    ]
    for name in _ROWS:
        low, high = metrics["confidence_intervals"].get(name) or (None, None)
        others = " | ".join(_number(row.get(name)) for row in stored["baselines"])
        between = f"{_number(low)} to {_number(high)}" if low is not None else ""
        lines.append(f"| {name} | {_number(metrics[name])} | {between} | {others} |")
    lines += _attacked(metrics)
    below = [row for row in stored["slices"] if row["below"]][:5]
    lines += ["", "## Where it is weak", ""]
    lines += [
        f"- {row['column']} = {row['value']}: accuracy {row['accuracy']:.3f} of {row['n']:,} rows" for row in below
    ]
    lines += [] if below else ["No group of rows looked at is significantly worse than the others."]
    lines += [
        "",
        "## How far to trust it",
        "",
        "The figures hold for rows like those above. On rows of another source, time or language measure again "
        "(`limbeck evaluate`) before you rely on it, and keep a person in every decision that affects someone.",
        "",
        "## Use",
        "",
        "```python",
        "import limbeck",
        "",
        'classifier = limbeck.load("path/to/this/folder")',
        'classifier.predict_proba(["…"])',
        "```",
        "",
    ]
    return "\n".join(lines)


def _attacked(metrics: Mapping[str, Any]) -> list[str]:
    """Return the table of ISO/IEC 30107-3 for a detector of attacks, nothing for others."""
    if "apcer_by_species" not in metrics:
        return []
    spans, counts, live = metrics["confidence_intervals"], metrics["presentations"], metrics["bona_fide_presentations"]
    known = spans.get("apcer_by_species", {})
    rates = [
        (f"APCER, {inert(name, 60).replace('|', '/')}", counts[name], rate, known.get(name))
        for name, rate in metrics["apcer_by_species"].items()
    ]
    rates += [
        ("APCER, the worst species", "", metrics["apcer"], spans.get("apcer")),
        ("BPCER", live, metrics["bpcer"], spans.get("bpcer")),
        ("ACER", "", metrics["acer"], spans.get("acer")),
        ("BPCER at APCER 1 % on these rows", "", metrics["bpcer_at_apcer_1"], spans.get("bpcer_at_apcer_1")),
    ]
    lines = ["", "## Presentation attacks (ISO/IEC 30107-3)", ""]
    lines += [
        f"At the threshold {metrics['threshold']:.4f}, which was chosen on valid; the last line is a point of the"
    ]
    lines += ["curve on these rows, with a threshold of its own.", ""]
    lines += ["| rate | presentations | value | 95 % interval |", "|---|---|---|---|"]
    for name, count, rate, span in rates:
        between = f"{_number(span[0])} to {_number(span[1])}" if span else ""
        lines.append(f"| {name} | {count} | {_number(rate)} | {between} |")
    return lines


def _taught(trust: Mapping[str, Any]) -> list[str]:
    """Return two lines on the teachers: who they are, and how good their joined answer is expected to be."""
    names = [f"`{inert(teacher['name'], 60).replace('`', chr(39))}`" for teacher in trust["teachers"]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    count = "1 teacher" if len(names) == 1 else f"{len(names)} teachers"
    expected = trust["expected_accuracy"]
    who = f"Distilled from {count}, asked about {trust['rows']:,} rows: {', '.join(names[:_NAMED])}{more}."
    if expected is None and len(names) == 1:
        return ["", who, "What it says was learned beside the labels; see `trust.json` and the report."]
    told = "could not be estimated" if expected is None else f"{expected:.4f}, estimated without labels"
    return ["", who, f"Expected accuracy of the joined answer: {told}; see `trust.json` and the report."]


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.4f}"
