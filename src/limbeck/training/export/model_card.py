"""The model card of a bundle (Mitchell et al. 2019): what it is, on what it was measured, what not to do with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.data.dataset import Dataset
from limbeck.evaluation.seen_rows import warning
from limbeck.kinds import kind_of
from limbeck.messages.escape import in_markdown, inert
from limbeck.recipe import Recipe
from limbeck.tasks import task_of

if TYPE_CHECKING:
    from limbeck.training.student import Student

_NAMED = 12  # teachers, classes and columns that the card names
_ROWS = ("accuracy", "macro_f1", "roc_auc", "eer", "ece", "brier")
_PARTS = ("train", "valid", "test", "unlabelled")


def model_card(
    recipe: Recipe, rows: Dataset, student: Student, stored: Mapping[str, Any], facts: Mapping[str, Any],
    trust: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Return the card as Markdown.

    Parameters
    ----------
    stored
        The dict of ``metrics.json``.
    facts
        `limbeck.evaluation.evaluate.facts_of` the bundle: size, date, version.
    trust
        The dict of ``trust.json`` where there were teachers.
    """
    weak = []
    for row in [row for row in stored["slices"] if row["below"]][:5]:
        group = f"{in_markdown(row['column'])} = {in_markdown(row['value'])}"
        weak.append(f"- {group}: accuracy {row['accuracy']:.3f} of {row['n']:,} rows")
    sections = [
        *_head(recipe, rows, student, facts),
        *_learned(rows, trust),
        *_compared(stored.get("candidates")),
        *_limited(stored.get("limits")),
        *_measured(stored),
        *_attacked(stored["test"]),
        *("", "## Where it is weak", ""),
        *(weak or ["No group of rows looked at is significantly worse than the others."]),
        *("", "## How far to trust it", ""),
        "The figures hold for rows like those above. On rows of another source, time or language measure again "
        "(`limbeck evaluate`) before you rely on it, and keep a person in every decision that affects someone.",
        *("", "## Use", "", "```python", *_usage(recipe, student), "```", ""),
    ]
    return "\n".join(sections)


def _head(recipe: Recipe, rows: Dataset, student: Student, facts: Mapping[str, Any]) -> list[str]:
    """Return what it is, what it reads and gives, and by which line it decides."""
    task, classes = recipe.task, rows.classes
    detects, kind = task_of(task).detects, kind_of(task)
    what = ("Classifier of", "Detector of anomalies in")[detects] + f" {kind.plural}"
    columns = [f"`{_code(name)}`" for name in task.inputs]
    read = f"the column{'s' if len(columns) > 1 else ''} {_listed(columns)}"
    if detects:
        gives = "a score that orders rows: one half is the line between normal and anomaly, and no score is a frequency"
    else:
        gives = "a probability for each class"
    lines = [f"# {what}: {_listed([in_markdown(name) for name in classes], ' / ')}", ""]
    lines += [f"It reads {read} and gives {gives}."]
    if len(classes) == 2:
        positive = in_markdown(classes[student.positive])
        chosen = "" if recipe.evaluation.threshold == 0.5 else ", chosen on valid"
        if (held := student.left_out) is not None:
            chosen = f", chosen on rows of groups left out of training in turn (`{_code(held.column)}`)"
        lines += [
            f"It answers {positive}, the positive class, from a probability of {student.threshold:.4f} on{chosen}."
        ]
    else:
        lines += ["It answers the most probable class."]
    made = f"made by Limbeck {facts['limbeck']} on {str(facts['created'])[:10]}"
    return [
        *lines,
        "",
        f"Network `{recipe.student.network}` of {student.parameters:,} weights, {facts['size']}, {made}.",
    ]


def _learned(rows: Dataset, trust: Mapping[str, Any] | None) -> list[str]:
    """Return how many rows of each class every part has, where they came from, and who taught."""
    named = list(range(len(rows.classes))) if len(rows.classes) <= _NAMED else []
    titles = ["part", "rows", *(in_markdown(rows.classes[k], 40) for k in named)]
    lines = ["", "## Learned from", "", f"| {' | '.join(titles)} |", "|---|" + "---|" * (len(titles) - 1)]
    for part in _PARTS:
        labels = rows.labels[rows.part(part)]
        if not len(labels) and part != "train":
            continue
        known = labels[labels >= 0]
        counts = np.bincount(known, minlength=len(rows.classes))
        cells = [f"{counts[k]:,} ({counts[k] / len(known):.0%})" if len(known) else "" for k in named]
        lines.append(f"| {' | '.join([part, f'{len(labels):,}', *cells])} |")
    sources = sorted({in_markdown(source.name) for source in rows.sources})
    return [*lines, "", f"Rows of {_listed(sources)}.", *(_taught(trust) if trust else [])]


def _compared(choice: Mapping[str, Any] | None) -> list[str]:
    """Return the candidates with their scores, and why one was chosen; nothing where none were compared."""
    if choice is None:
        return []
    lines = ["", "## Chosen among", "", in_markdown(choice["why"], 2000), ""]
    lines += [f"| candidate | network | {choice['metric']} | standard error | below the best | standard error |"]
    lines += ["|---|---|---|---|---|---|"]
    for one in choice["compared"]:
        figures = (_number(one[name]) for name in ("score", "spread", "below", "below_spread"))
        names = in_markdown(one["name"]), f"`{_code(one['network'])}`"
        lines.append(f"| {' | '.join([*names, *figures])} |")
    return lines


def _limited(limits: Mapping[str, Any] | None) -> list[str]:
    """Return how the limits of size and speed are held; nothing where there are none."""
    if limits is None:
        return []
    return ["", "## Limits", "", *(f"- {in_markdown(line, 2000)}" for line in limits["why"])]


def _measured(stored: Mapping[str, Any]) -> list[str]:
    metrics, part = stored["test"], stored["judged_on"]
    lines = ["", f"## Measured on {part}", ""]
    if stored.get("seen"):
        lines += [f"**Warning.** {in_markdown(warning(stored['seen']), 2000)}", ""]
    lines += [in_markdown(stored["verdict"], 2000), ""]
    if part == "valid":
        lines += ["There were no test rows: the model was chosen on these, so the figures flatter it somewhat.", ""]
    names = ["metric", "value", "95 % interval", *(in_markdown(row["name"]) for row in stored["baselines"])]
    lines += [f"| {' | '.join(names)} |", "|---|" + "---|" * (len(names) - 1)]
    for name in _ROWS:
        low, high = metrics["confidence_intervals"].get(name) or (None, None)
        others = [_number(row.get(name)) for row in stored["baselines"]]
        between = f"{_number(low)} to {_number(high)}" if low is not None else ""
        lines.append(f"| {' | '.join([name, _number(metrics[name]), between, *others])} |")
    return lines


def _attacked(metrics: Mapping[str, Any]) -> list[str]:
    """Return the table of ISO/IEC 30107-3 for a detector of attacks, nothing for others."""
    if "apcer_by_species" not in metrics:
        return []
    spans, counts, live = metrics["confidence_intervals"], metrics["presentations"], metrics["bona_fide_presentations"]
    known = spans.get("apcer_by_species", {})
    rates = [
        (f"APCER, {in_markdown(name)}", f"{counts[name]:,}", rate, known.get(name))
        for name, rate in metrics["apcer_by_species"].items()
    ]
    rates += [
        ("APCER, the worst species", "", metrics["apcer"], spans.get("apcer")),
        ("BPCER", f"{live:,}", metrics["bpcer"], spans.get("bpcer")),
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
    names = [f"`{_code(teacher['name'])}`" for teacher in trust["teachers"]]
    count = "1 teacher" if len(names) == 1 else f"{len(names)} teachers"
    expected = trust["expected_accuracy"]
    who = f"Distilled from {count}, asked about {trust['rows']:,} rows: {_listed(names)}."
    if expected is None and len(names) == 1:
        return ["", who, "What it says was learned beside the labels; see `trust.json` and the report."]
    told = "could not be estimated" if expected is None else f"{expected:.4f}, estimated without labels"
    return ["", who, f"Expected accuracy of the joined answer: {told}; see `trust.json` and the report."]


def _usage(recipe: Recipe, student: Student) -> list[str]:
    """Return lines of Python that run once what stands in quotes is the reader's own."""
    rows = recipe.task.rows
    given = {"text": '["a text"]', "image": '["picture.jpg"]', "signal": "windows"}.get(rows, "")
    before: list[str] = []
    if rows == "signal":
        signal = student.encoder.settings.signal
        before = [
            f"# windows: an array [N, leads, samples] at {signal.rate:g} Hz, or a table that `limbeck predict` reads"
        ]
    elif rows == "table":
        kinds = {column.name: column.kind for column in getattr(student.encoder, "columns", ())}
        cells = [f"{_quoted(name)}: {_cell(kinds.get(name))}" for name in recipe.task.inputs]
        before = ["row = {", *(f"    {cell}," for cell in cells), "}"]
        given = "[row]"
    return [
        "import limbeck",
        "",
        'classifier = limbeck.load("path/to/this/folder")',
        *before,
        f"classifier.predict_proba({given})",
    ]


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=inert(name) != name)


def _cell(kind: str | None) -> str:
    return {"number": "0.0", "flag": "True", "date": '"2026-01-31"'}.get(kind or "", '"…"')


def _listed(names: Sequence[str], mark: str = ", ") -> str:
    more = f"{mark}and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return mark.join(names[:_NAMED]) + more


def _code(value: object) -> str:
    """Return text from data for a code span, which no escape can leave but a backtick or a table's line."""
    return inert(value, 60).replace("`", "'").replace("|", "/")


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.4f}"
