"""The REST API: its document, its addresses, and how it says that something is wrong."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError

from limbeck.studio.api.administration import router as administration
from limbeck.studio.api.analysis import router as analysis
from limbeck.studio.api.detection import router as detection
from limbeck.studio.api.exchange import router as exchange
from limbeck.studio.api.notices import router as notices
from limbeck.studio.api.opinions import router as opinions
from limbeck.studio.api.publication.operations import router as publication
from limbeck.studio.api.review.operations import router as review
from limbeck.studio.api.training.operations import router as training
from limbeck.version import __version__

api = NinjaAPI(title="Limbeck", version=__version__, urls_namespace="api-1", docs_url=None)
api.add_router("", detection)
api.add_router("", administration)
api.add_router("", review)
api.add_router("", notices)
api.add_router("", exchange)
api.add_router("", opinions)
api.add_router("", publication)
api.add_router("", training)
api.add_router("", analysis)


@api.exception_handler(Http404)
def missing(request: HttpRequest, error: Http404) -> HttpResponse:
    """Answer 404 in the same form as other refusals."""
    return api.create_response(request, {"detail": "not found"}, status=404)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer 422 with where and why, and without what was sent."""
    told = [f"{'.'.join(str(step) for step in one['loc'])}: {one['msg']}" for one in error.errors]
    return api.create_response(request, {"detail": "; ".join(told)}, status=422)


def urls() -> tuple[list[object], str, str]:
    """Return the addresses; tokens guard them instead of sign-in."""
    patterns, app, namespace = api.urls
    for pattern in patterns:
        login_not_required(pattern.callback)
    return patterns, app, namespace
