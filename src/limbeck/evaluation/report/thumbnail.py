"""What a small picture in a report has to look like: it comes from outside, and stands in the ``src`` of an image."""

from __future__ import annotations

import re

_URI = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/]+={0,2}")


def is_thumbnail(uri: object) -> bool:
    """Return whether this is a JPEG within the page: nothing else may stand in a ``src``."""
    return isinstance(uri, str) and _URI.fullmatch(uri) is not None
