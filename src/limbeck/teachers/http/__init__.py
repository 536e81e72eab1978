"""``http:URL``: a model behind an HTTP endpoint, asked in parallel, a batch or a row at a time.

``options.api`` says how to talk: "v2", the Open Inference Protocol, or "openai", any chat endpoint of that form.
"""

from __future__ import annotations

from collections.abc import Callable

from limbeck.errors import did_you_mean
from limbeck.teachers.base import Place, Teacher
from limbeck.teachers.http.chat import Chat
from limbeck.teachers.http.open_inference import Infer

APIS: dict[str, Callable[[Place], Teacher]] = {"v2": Infer, "openai": Chat}


def open_http(place: Place) -> Teacher:
    """Open an endpoint as a teacher."""
    api = place.spec.options.get("api", "v2")
    if api not in APIS:
        raise place.wrong(f"there is no api {api!r}", did_you_mean(str(api), APIS))
    if not place.place.startswith(("http://", "https://")):
        raise place.wrong(f"{place.place!r} is no address", "write http:https://host/path")
    return APIS[api](place)
