"""What the verbs print: short tables on standard output."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from limbeck.errors import printable
from limbeck.model_names import home

if TYPE_CHECKING:
    from limbeck.bundle.prediction.predict_files import Done
    from limbeck.evaluation.recalibrate import Recalibrated
    from limbeck.registry import Model
    from limbeck.scale.predict_shards import JobDone
    from limbeck.training.doctor import Finding
    from limbeck.training.finish import Trained
    from limbeck.training.search.cross_validation import Folds
    from limbeck.training.search.tune import Tuned

SHOWN = ("accuracy", "macro_f1", "precision", "recall", "f1", "fpr", "roc_auc", "pr_auc", "eer", "ece", "brier")


class _Output(Console):
    def print(self, *objects: Any, **how: Any) -> None:
        """Print without what would steer the terminal; names of classes and columns come from data."""
        super().print(*(printable(one) if isinstance(one, str) else one for one in objects), **how)

    def on_broken_pipe(self) -> None:
        """Leave it to `limbeck.cli.main.run`; rich would exit with status 1."""
        raise BrokenPipeError


def _console() -> Console:
    # Off a terminal rich assumes 80 columns and would cut paths; a pipe has no width.
    console = _Output(highlight=False, markup=False)
    return console if console.is_terminal else _Output(highlight=False, markup=False, width=160)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    table = Table(title=printable(title), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(printable(column), justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(number(value) for value in row))
    _console().print(table)


def number(value: Any) -> str:
    """Format a value for a table."""
    if isinstance(value, float):
        return f"{value:.4f}"
    return "–" if value is None else printable(str(value))


def trained(result: Trained) -> None:
    """Print a finished training: the student beside the baseline, and where the bundle is."""
    if not result.metrics:
        _console().print(f"start for another recipe: {result.bundle}")
        return
    if result.trust and "expected_accuracy" in result.trust:
        trust(result.trust)
    warnings(result.warnings)
    title = f"measured on {result.judged_on}"
    if (show := _of_task(result.metrics)) is not None:
        show(result.metrics, title, result.baselines)
    else:
        students(title, [(result.bundle.name, result.metrics)], result.baselines)
        attacks(result.metrics)
    _console().print(result.verdict)
    decision(result.decision)
    _console().print(f"bundle: {result.bundle}\nreport: {result.bundle / 'report.html'}")


def decision(found: dict[str, Any] | None) -> None:
    """Print whether a model can be used, why, and what would help most."""
    if found is not None:
        _console().print(f"{found['head']}: {'; '.join(found['reasons'])}. {found['advice']}.")


def _of_task(values: dict[str, Any]) -> Callable[[dict[str, Any], str, Sequence[dict[str, Any]]], None] | None:
    """Return what prints the metrics of a task that has its own: boxes, or several labels a row."""
    shown = {"ap50": boxes, "micro_f1": several_labels}
    return next((show for metric, show in shown.items() if metric in values), None)


def boxes(values: dict[str, Any], title: str, baselines: Sequence[dict[str, Any]]) -> None:
    """Print what a detector is worth: over all classes, for each, and a baseline beside it."""
    names = ("objects", "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "precision", "recall", "threshold")
    rows = [["all classes", *(values.get(name) for name in names)]]
    rows += [[name, *(row.get(key) for key in names)] for name, row in values["per_class"].items()]
    rows += [[str(row["name"]), *(row.get(key) for key in names)] for row in baselines]
    _table(f"{title}: {values['n']:,} pictures", ["", *names], rows)
    if values["confidence_intervals"]:
        spans = (f"{name} {_between(values, name)}" for name in values["confidence_intervals"])
        _console().print(f"95 % intervals: {', '.join(spans)}")


def several_labels(values: dict[str, Any], title: str, baselines: Sequence[dict[str, Any]]) -> None:
    """Print what a bundle with several labels a row is worth: over all labels, for each, and a baseline beside it."""
    names = ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss", "map", "ece")
    rows = [["all labels", *(values.get(name) for name in names)]]
    rows += [[str(row["name"]), *(row.get(key) for key in names)] for row in baselines]
    _table(f"{title}: {_rows(values['n'])}", ["", *names], rows)
    columns = ("support", "given", "precision", "recall", "f1", "ap", "threshold")
    _table(
        "by label",
        ["", *columns],
        [[name, *(row[key] for key in columns)] for name, row in values["per_label"].items()],
    )
    if values["confidence_intervals"]:
        spans = (f"{name} {_between(values, name)}" for name in values["confidence_intervals"])
        _console().print(f"95 % intervals: {', '.join(spans)}")


def trust(found: dict[str, Any]) -> None:
    """Print how far each teacher is trusted, and what the evidence says, in words."""
    measured = any("measured_accuracy" in teacher for teacher in found["teachers"])
    names = ["", "relevance", "expected accuracy", "95 % interval", *(["measured"] if measured else [])]
    names += ["rows decided", "flips without it"]
    rows = []
    for teacher in found["teachers"]:
        low, high = teacher["interval"]
        without = teacher["flips_without"]
        shown = "–" if without is None else f"{without:.1%}"
        between = "–" if low is None or high is None else f"{number(low)} to {number(high)}"
        row = [teacher["name"], teacher["relevance"], teacher["accuracy"], between]
        rows.append([*row, *([teacher.get("measured_accuracy")] if measured else []), teacher["decided"], shown])
    who = "1 teacher" if len(rows) == 1 else f"{len(rows)} teachers"
    how = "" if found["expected_accuracy"] is None else ", estimated without labels"
    _table(f"{who} on {_rows(found['rows'])}{how}", names, rows)
    for note in found["notes"]:
        _console().print(note)
    if found["expected_accuracy"] is not None:
        _console().print(f"expected accuracy of their joined answer: {found['expected_accuracy']:.3f}")


def students(title: str, results: Sequence[tuple[str, dict[str, Any]]], baselines: Sequence[dict[str, Any]]) -> None:
    """Print several classifiers measured on the same rows, baselines last."""
    names = ("accuracy", "macro_f1", "roc_auc", "eer", "ece")
    rows = [[name, *(metrics.get(metric) for metric in names)] for name, metrics in results]
    rows += [[row["name"], *(row.get(metric) for metric in names)] for row in baselines]
    _table(title, ["", *names], rows)


def metrics(values: dict[str, Any], report: Path | None) -> None:
    """Print an evaluation: what forbids relying on it first, then the figures, and those of the new rows beside."""
    warnings(values["warnings"])
    if (show := _of_task(values)) is not None:
        show(values, "evaluation", values["baselines"])
        for finding in [*values["findings"], values["verdict"], *([f"report: {report}"] if report else [])]:
            _console().print(finding)
        return
    known = values["seen"] or {}
    unseen = known.get("unseen")
    names = ["metric", "value", "95 % interval"]
    names += [f"{known['new']:,} new row{'s' * (known['new'] != 1)}", "95 % interval"] if unseen else []
    rows = []
    for name in SHOWN:
        row = [name, values[name], _between(values, name)]
        rows.append([*row, unseen.get(name), _between(unseen, name)] if unseen else row)
    _table(f"{_rows(values['n'])}, threshold {values['threshold']:.4f}", names, rows)
    attacks(values)
    for name in ("image_auroc", "pixel_auroc"):
        if name in values:
            _console().print(f"{name}: {number(values[name])}")
    for finding in values["findings"]:
        _console().print(finding)
    _console().print(values["verdict"])
    decision(values["decision"])
    if report:
        _console().print(f"report: {report}")


def warnings(lines: Sequence[str]) -> None:
    """Print what has to be read before any figure, in red where there are colours."""
    for line in lines:
        _console().print(Text(printable(f"Warning. {line}"), style="bold red"))


def _between(values: dict[str, Any], name: str) -> str:
    low, high = values["confidence_intervals"].get(name) or (None, None)
    return f"{number(low)} to {number(high)}" if low is not None else ""


def attacks(values: dict[str, Any]) -> None:
    """Print the rates of ISO/IEC 30107-3 where an evaluation has them."""
    if "apcer_by_species" not in values:
        return
    spans, counts, cut = values["confidence_intervals"], values["presentations"], values["threshold_at_apcer_1"]
    known = spans.get("apcer_by_species", {})
    point = "BPCER at APCER 1 %" + ("" if cut is None else f", at the threshold {cut:.4g} of these rows")
    lines = [
        (f"APCER {name}", counts[name], rate, known.get(name)) for name, rate in values["apcer_by_species"].items()
    ]
    lines += [
        ("APCER, the worst species", "", values["apcer"], spans.get("apcer")),
        (f"BPCER {values['bona_fide']}", values["bona_fide_presentations"], values["bpcer"], spans.get("bpcer")),
        ("ACER", "", values["acer"], spans.get("acer")),
        (point, "", values["bpcer_at_apcer_1"], spans.get("bpcer_at_apcer_1")),
    ]
    rows = [[*line[:3], f"{number(line[3][0])} to {number(line[3][1])}" if line[3] else ""] for line in lines]
    _table("presentation attacks (ISO/IEC 30107-3)", ["", "presentations", "rate", "95 % interval"], rows)


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def comparison(result: dict[str, Any]) -> None:
    """Print a paired comparison, what forbids relying on it first."""
    warnings(result["warnings"])
    names = ("accuracy", "macro_f1", "roc_auc")
    rows = [[name, *(model[metric] for metric in names)] for name, model in result["models"].items()]
    _table(f"{_rows(result['n'])}", ["", *names], rows)
    for pair in result["pairs"]:
        _console().print(f"{pair['a']} / {pair['b']}: {pair['verdict']}")


def predicted(done: Done, *, aside: bool = False) -> None:
    """Print what `predict` did; ``aside``, where the answers themselves are printed, on standard error."""
    console = _Output(stderr=True, highlight=False, markup=False, width=160) if aside else _console()
    speed = max(done.rows - done.resumed, 0) / max(done.seconds, 1e-9)
    where = "standard output" if aside else done.output
    console.print(f"{_rows(done.rows)} in {done.seconds:.1f} s ({speed:,.0f} rows/s): {where}")
    for note in done.notes:
        console.print(note)
    if done.rejects:
        console.print(f"{_rows(done.rejected)} unreadable or empty{'' if aside else f': {done.rejects}'}")
        with done.rejects.open(encoding="utf-8", newline="") as file:
            first = list(itertools.islice(csv.reader(file), 1, 2))
        for name, row, reason in first:
            console.print(f"the first: {name}, row {row}: {reason}")


def sharded(done: JobDone) -> None:
    """Print what a job of many shards did."""
    console = _console()
    speed = done.answered_now / max(done.seconds, 1e-9)
    counted = f"{done.shards:,} shards" + (f", {done.resumed:,} of them before" if done.resumed else "")
    console.print(f"{_rows(done.rows)} of {counted}; {done.seconds:.1f} s ({speed:,.0f} rows/s): {done.output}")
    if done.rejected:
        console.print(f"{_rows(done.rejected)} unreadable or empty, named in files *.rejected.csv")
    console.print(f"manifest: {done.manifest}" if done.manifest else "other parts of the job are not done yet")


def recalibrated(made: Recalibrated) -> None:
    """Print a recalibration."""
    offsets = ", ".join(f"{name} {value:+.3f}" for name, value in made.offset.items())
    console = _console()
    console.print(f"recalibrated on {_rows(made.rows)} ({made.how}): logits x {made.scale:.4g}, then {offsets}")
    console.print(f"threshold {made.threshold:.4f}, temperature {made.temperature:.4g}, version {made.version}")
    console.print(f"bundle: {made.bundle}")


def folds(result: Folds) -> None:
    """Print a cross-validation."""
    names = list(result.mean)
    rows: list[list[Any]] = [[f"fold {fold['fold'] + 1}", *(fold[name] for name in names)] for fold in result.folds]
    rows.append(["mean", *(result.mean[name] for name in names)])
    rows.append(["standard deviation", *(result.spread.get(name) for name in names)])
    _table(f"{len(result.folds)} folds", ["", *names], rows)
    _console().print(f"folds: {result.file}")


def diagnosis(found: Sequence[Finding]) -> dict[str, Any]:
    """Return a doctor's findings as plain data, with counts and the verdict."""
    counts = {level: sum(finding.level == level for finding in found) for level in ("ok", "warn", "error")}
    if counts["error"]:
        verdict = f"fix {_counted(counts['error'], 'error')} before training"
    elif counts["warn"]:
        verdict = f"it can be trained; look at {_counted(counts['warn'], 'warning')} first"
    else:
        verdict = "nothing is wrong that can be seen from here"
    return {"verdict": verdict, **counts, "findings": [asdict(finding) for finding in found]}


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count > 1 else ''}"


def findings(found: Sequence[Finding]) -> None:
    """Print a doctor's findings, and what they come to: a table on a terminal, one line each on a pipe."""
    console, verdict = _console(), diagnosis(found)["verdict"]
    if console.is_terminal:
        table = Table(box=None, pad_edge=False)
        for column in ("", "check", "found", "fix"):
            table.add_column(column, overflow="fold")
        colours = {"ok": "green", "warn": "yellow", "error": "red"}
        for one in found:
            shown = [printable(text or "") for text in (one.check, one.what, one.fix)]
            table.add_row(Text(one.level, style=colours[one.level]), *shown)
        console.print(table)
    else:
        for one in found:
            fix = f"; {one.fix}" if one.fix else ""
            console.print(f"{one.level:<6}{one.check:<9} {one.what}{fix}", soft_wrap=True)
    console.print(verdict)


def tuned(result: Tuned) -> None:
    """Print a search."""
    best = sorted(result.trials, key=lambda row: -(row["score"] if row["score"] is not None else float("-inf")))[:10]
    keys = list(result.settings)
    rows = [[row["trial"], row["state"], row["score"], *(row.get(key) for key in keys)] for row in best]
    _table(f"best {len(rows)} of {len(result.trials)} trials", ["trial", "state", "score", *keys], rows)
    _console().print(f"best recipe: {result.best}")


def registered(models: Sequence[Model]) -> None:
    """Print the versions of the registry."""
    rows = [[model.name, model.version, "*" if model.current else "", model.created] for model in models]
    _table(f"{len(rows)} version{'s' * (len(rows) != 1)} in {home()}", ["model", "version", "in use", "made"], rows)
