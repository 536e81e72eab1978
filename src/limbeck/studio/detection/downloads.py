"""The table that a batch gives back, and the rows that it could not answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from limbeck.studio.accounts.access import needs
from limbeck.studio.detection.batch import ANSWERS, GIVEN
from limbeck.studio.jobs import services
from limbeck.studio.jobs.models import Job
from limbeck.studio.roles import Ability

SHOWN = 20  # rows of a preview
FORMS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
SHEET_ROWS = 1_048_575  # of an Excel sheet, without its header
_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of a cell that a spreadsheet would take for a formula


def table(path: Path) -> pl.LazyFrame:
    """Return the uploaded columns under their names, then class and probability as ``model.class`` and so on."""
    frame = pl.scan_parquet(path)
    names = frame.collect_schema().names()
    given = [name for name in names if name.startswith(GIVEN)]
    own = [pl.col("row")] if not given else []
    told = [name for name in names if name in ("class", "probability") or name.startswith("p:")]
    answers = [pl.col(name).alias(f"model.{name}") for name in told]
    return frame.select(*own, *(pl.col(name).alias(name.removeprefix(GIVEN)) for name in given), *answers)


def summary(job: Job) -> dict[str, Any]:
    """Return what the page of a finished batch shows: counts of classes, the first rows, the first rejected ones."""
    path = job.folder / ANSWERS
    if not path.exists():
        return {"gone": True}
    head = table(path).head(SHOWN).collect()
    told = [name for name in head.columns if name in ("model.class", "model.probability")]
    head = head.select(*told, pl.exclude(*told))  # a narrow screen shows the answer first
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
        part = made.with_name(f".{made.name}.{id(request):x}")
        _write(table(path), part, form)
        part.replace(made)
    return FileResponse(
        made.open("rb"), as_attachment=True, filename=f"job-{number}.{form}", content_type=FORMS[form]
    )  # fmt: skip


def _write(frame: pl.LazyFrame, target: Path, form: str) -> None:
    if form == "parquet":
        frame.sink_parquet(target)
    elif form == "csv":
        inert(frame).sink_csv(target, include_bom=True)
    else:
        collected = frame.collect()
        if collected.height > SHEET_ROWS:
            raise Http404
        _workbook(collected, target)


def inert(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Put an apostrophe before texts that a spreadsheet would run as formulas."""
    texts = [name for name, kind in frame.collect_schema().items() if kind == pl.String]
    return frame.with_columns(
        pl.when(pl.any_horizontal(pl.col(name).str.starts_with(start) for start in _STARTS))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    )


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
        yield [cell[:32_767] if isinstance(cell, str) else cell for cell in row]


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
