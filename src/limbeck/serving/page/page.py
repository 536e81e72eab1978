"""The page at ``/`` and its two files. It holds no data: what it shows, its script asks of the server."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from limbeck.messages.message import LANGUAGES, template
from limbeck.serving.http import Request, Response
from limbeck.version import __version__

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
]
FILES = {"/page.js": "text/javascript; charset=utf-8", "/page.css": "text/css; charset=utf-8"}


def page(request: Request) -> Response:
    """Answer ``GET /``, in the language of ``?lang=``, else in the browser's."""
    body = _rendered(language(request.query, request.header("accept-language")))
    return Response(body, content_type="text/html; charset=utf-8", headers=[*_SAFE, ("vary", "accept-language")])


def file(request: Request) -> Response:
    """Answer ``GET /page.js`` and ``GET /page.css``."""
    return Response((HERE / request.path[1:]).read_bytes(), content_type=FILES[request.path], headers=_SAFE)


def language(query: str, accepted: str) -> str:
    """Return "en" or "zh": what a query asks for, else the first of these that an Accept-Language header names."""
    for name in LANGUAGES:
        if f"lang={name}" in query.split("&"):
            return name
    for part in accepted.lower().split(","):
        name = part.strip()[:2]
        if name in LANGUAGES:
            return name
    return "en"


@cache
def _rendered(lang: str) -> bytes:
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = (HERE / "page.html").read_text("utf-8")
    return (
        environment.from_string(source)
        .render(
            lang=lang, other="zh" if lang == "en" else "en", version=__version__, t=lambda code: template(code, lang, 1)
        )
        .encode()
    )
