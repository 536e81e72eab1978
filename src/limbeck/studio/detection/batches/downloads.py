"""The table that a batch gives back, and the rows that it could not answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from limbeck.data.exchange.escape import escaped_frame
from limbeck.data.tables.excel_write import SHEET_ROWS, fitting
from limbeck.files import whole_file
from limbeck.studio.accounts.access import needs
from limbeck.studio.detection.batches.run import ANSWERS, GIVEN
from limbeck.studio.jobs import services
from limbeck.studio.jobs.models import Job
from limbeck.studio.roles import Ability

SHOWN = 20  # rows of a preview
FORMS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}


def table(path: Path) -> tuple[pl.LazyFrame, str]:
    """Return the uploaded columns under their names and the answers as ``model.class`` and so on, and that prefix.

    It is ``model2.`` and so on where the uploaded table has answers of an earlier batch.
    """
    frame = pl.scan_parquet(path)
    names = frame.collect_schema().names()
    given = {name: name.removeprefix(GIVEN) for name in names if name.startswith(GIVEN)}
    prefixes = ("model.", *(f"model{number}." for number in range(2, len(given) + 2)))
    prefix = next(one for one in prefixes if not any(name.startswith(one) for name in given.values()))
    told = {name: prefix + name for name in names if name in ("class", "probability") or name.startswith("p:")}
    own = [] if given else [pl.col("row")]
    return frame.select(*own, *(pl.col(name).alias(new) for name, new in {**given, **told}.items())), prefix


def summary(job: Job) -> dict[str, Any]:
    """Return what the page of a finished batch shows: counts of classes, the first rows, the first rejected ones."""
    path = job.folder / ANSWERS
    if not path.exists():
        return {"gone": True}
    frame, prefix = table(path)
    told = [f"{prefix}class", f"{prefix}probability"]
    head = frame.head(SHOWN).select(*told, pl.exclude(*told)).collect()  # a narrow screen shows the answer first
    counts = job.result.get("counts", {})
    most = max(counts.values(), default=0) or 1
    return {
        "columns": head.columns,
        "rows": [[_shown(cell) for cell in row] for row in head.iter_rows()],
        "counts": [
            (name, count, count / most, count / max(job.result.get("rows", 0), 1)) for name, count in counts.items()
        ],
        "rejects": _rejects(job)[:SHOWN],
        "excel": job.result.get("rows", 0) <= SHEET_ROWS,
    }


def _rejects(job: Job) -> list[tuple[Any, ...]]:
    path = job.folder / f"{ANSWERS}.rejected.csv"
    return pl.read_csv(path, infer_schema=False, n_rows=SHOWN).rows() if path.exists() else []


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.4f}"
    text = "" if cell is None else str(cell)
    return text if len(text) <= 120 else f"{text[:119]}…"


@needs(Ability.DETECT)
@require_GET
def answers(request: HttpRequest, number: int, form: str) -> HttpResponse:
    """Give the table back as CSV, Excel or Parquet."""
    job = get_object_or_404(services.visible(request.user), pk=number)
    path = job.folder / ANSWERS
    if form not in FORMS or not path.exists():
        raise Http404
    made = job.folder / f"table.{form}"
    if not made.exists():
        with whole_file(made) as part:
            _write(table(path)[0], part, form)
    return FileResponse(
        made.open("rb"), as_attachment=True, filename=f"job-{number}.{form}", content_type=FORMS[form]
    )  # fmt: skip


def _write(frame: pl.LazyFrame, target: Path, form: str) -> None:
    if form == "parquet":
        frame.sink_parquet(target)
    elif form == "csv":
        escaped_frame(frame).sink_csv(target, include_bom=True)
    else:
        collected = frame.collect()
        if collected.height > SHEET_ROWS:
            raise Http404
        _workbook(collected, target)


def _workbook(frame: pl.DataFrame, target: Path) -> None:
    import xlsxwriter

    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "nan_inf_to_errors": True,
        "constant_memory": True,
    }
    with xlsxwriter.Workbook(str(target), options) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(_cells(frame)):
            sheet.write_row(at, 0, row)


def _cells(frame: pl.DataFrame) -> Iterator[list[Any]]:
    yield list(frame.columns)
    for row in frame.iter_rows():
        yield [fitting(cell) if isinstance(cell, str) else cell for cell in row]


@needs(Ability.DETECT)
@require_GET
def rejected(request: HttpRequest, number: int) -> HttpResponse:
    """Give the rows without an answer, with the reasons."""
    job = get_object_or_404(services.visible(request.user), pk=number)
    path = job.folder / f"{ANSWERS}.rejected.csv"
    if not path.exists():
        raise Http404
    return FileResponse(
        path.open("rb"), as_attachment=True, filename=f"job-{number}-rejected.csv", content_type=FORMS["csv"]
    )
