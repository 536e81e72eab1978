"""What a benchmark returns, where it is kept, and the page it is rendered to."""

from __future__ import annotations

import datetime
import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from limbeck.files import write_json, write_text

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "docs" / "results.json", ROOT / "docs" / "results.md"
SUBJECTS = {
    "auto": "Rows without a recipe",
    "text": "Text: from a table to a small verified classifier",
    "distil": "Distillation: black-box teachers and unlabelled rows",
    "images": "Images",
    "detection": "Detection: objects in pictures and videos",
    "signals": "Signals",
    "anomaly": "Anomalies",
    "holds": "Data that nobody tuned on: choices, decisions and trust",
    "studio": "Studio",
    "serving": "Serving",
    "explain": "Explanations",
    "loop": "The loop: verdicts, audits, drift, what to review",
    "layout": "Layout of the source code",
    "scale": "Many shards on many cores or machines",
    "reliability": "Reliability: hostile input, killed runs, several writers",
}


@dataclass(frozen=True)
class Figure:
    """One measured number; ``floor`` and ``aim`` are the goals it was set, ``baseline`` the same run's comparison."""

    subject: str
    name: str
    value: float | None
    unit: str
    better: str
    command: str
    spread: float | None = None
    seeds: int = 1
    floor: float | None = None
    aim: float | None = None
    baseline: float | str | None = None
    note: str = ""
    date: str = ""


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Return value, spread (standard deviation) and seeds of repeated runs."""
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"value": statistics.fmean(values), "spread": spread, "seeds": len(values)}


def data_folder() -> Path:
    """Return where the real data lies; see CONTRIBUTING.md."""
    found = Path(os.environ.get("LIMBECK_DATA", ROOT.parent / "shared" / "data"))
    if not found.is_dir():
        raise SystemExit(f"{found}: there is no data here; set LIMBECK_DATA")
    return found


def keep(figures: Sequence[Figure]) -> None:
    """Put new figures in the place of older ones of the same name, and render the page anew.

    Older ones that the same command no longer gives are left out.
    """
    stored = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    today = datetime.date.today().isoformat()
    fresh = {(figure.subject, figure.name): {**asdict(figure), "date": today} for figure in figures}
    again = {figure.command for figure in figures}
    kept = [old for old in stored if (old["subject"], old["name"]) in fresh or old["command"] not in again]
    merged = [fresh.pop((old["subject"], old["name"]), old) for old in kept]
    merged += fresh.values()
    write_json(RESULTS, merged)
    write_text(PAGE, render(merged))


def render(figures: Sequence[dict[str, Any]]) -> str:
    """Return docs/results.md."""
    lines = [
        "# Results",
        "",
        "Measured by the scripts in `benchmarks/` on two x86-64 cores without a GPU (`make bench`, or",
        "`make bench ONLY=name` for the one in the last column); this page is rendered from `results.json` and written",
        "by nothing else. ± is the standard deviation over seeds; a figure without it is of one run, unless its",
        "note says otherwise. Speeds are ratios of medians within one run. Choices were made on `valid`; `test` was looked",
        "at once per line. Data: see the notes under each table.",
        "",
    ]
    for subject, title in SUBJECTS.items():
        rows = [figure for figure in figures if figure["subject"] == subject]
        if not rows:
            continue
        lines += [f"## {title}", "", "| what | measured | at least | aim | same-run baseline | measured by |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_line(row) for row in rows]
        notes = [f"- {row['name']}: {row['note']}" for row in rows if row.get("note")]
        lines += ["", *notes, ""] if notes else [""]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    value = _number(row["value"], row["unit"])
    if row["spread"] is not None:
        value += f" ± {_number(row['spread'], '')} ({row['seeds']} seeds)"
    sign = {"higher": "≥ ", "lower": "≤ "}.get(row["better"], "")
    goals = [f"{sign}{_number(row[key], row['unit'])}" if row[key] is not None else "" for key in ("floor", "aim")]
    if row["floor"] is not None and row["value"] is not None:
        met = row["value"] >= row["floor"] if row["better"] == "higher" else row["value"] <= row["floor"]
        value = f"**{value}**" if met else f"{value} (missed)"
    baseline = row["baseline"]
    shown = _number(baseline, row["unit"]) if isinstance(baseline, int | float) else (baseline or "")
    return f"| {row['name']} | {value} | {goals[0]} | {goals[1]} | {shown} | `{row['command']}` |"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    digits = f"{value:.4f}" if abs(value) < 1.5 else f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{digits} {unit}".strip()
