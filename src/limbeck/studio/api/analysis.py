"""Operations on the analysis: each table of its page, as JSON and as CSV."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError

from limbeck.studio.analysis import page
from limbeck.studio.analysis.charts import Chart
from limbeck.studio.analysis.figures import Period
from limbeck.studio.api.auth import READ
from limbeck.studio.api.detection import CSV
from limbeck.studio.api.refusals import REFUSED
from limbeck.studio.api.services import abilities

router = Router(tags=["analysis"])
Days = Annotated[int, Query(ge=1, le=366)]
Model = Annotated[str, Query(max_length=100)]


class FigureOut(Schema):
    """A table of the analysis; its rows are in the order of the columns."""

    key: str
    title: str
    columns: list[str]
    rows: list[list[Any]]


class AnalysisOut(Schema):
    """The tables of the analysis of a model, or of all, over so many days."""

    model: str
    days: int
    figures: list[FigureOut]


@router.get("/analysis", response={200: AnalysisOut, **REFUSED}, auth=READ)
def analysis(request: HttpRequest, model: Model = "", days: Days = 30) -> Any:
    """Return answers by day, class, source, model and probability, and what people reviewed, as far as one may see."""
    return {"model": model, "days": days, "figures": _charts(request, model, days)}


@router.get("/analysis/{str:key}.csv", auth=READ, response=REFUSED, openapi_extra=CSV)
def analysis_table(request: HttpRequest, key: str, model: Model = "", days: Days = 30) -> Any:
    """Return one table of the analysis as a CSV file."""
    found = next((one for one in _charts(request, model, days) if one.key == key), None)
    if found is None:
        raise HttpError(404, "the analysis has no such table")
    return HttpResponse(found.csv(), content_type="text/csv; charset=utf-8")


def _charts(request: Any, model: str, days: int) -> list[Chart]:
    scopes = abilities(request.auth)
    return page.charts(Period(days, model), request.user, lambda ability: ability in scopes)
