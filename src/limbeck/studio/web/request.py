"""What a request says of who sent it."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, "" where it is not known.

    Behind one trusted proxy it is the last address of X-Forwarded-For, which that proxy wrote; without, the header is
    not read, as anyone can write it.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.CONFIG.behind_proxy:
        address = request.META.get("HTTP_X_FORWARDED_FOR", address).rpartition(",")[2]
    try:
        return str(ipaddress.ip_address(address.strip()))
    except ValueError:
        return ""


def from_htmx(request: HttpRequest) -> bool:
    """Whether the page itself asks for a part of it."""
    return request.headers.get("HX-Request") == "true"
