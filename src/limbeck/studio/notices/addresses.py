"""Where a notice may go: to a public server by HTTPS, or to a host that the settings name.

An address is typed by a person and asked for by this site, which stands inside a network: it must not lead there
(OWASP, "Server-Side Request Forgery Prevention"). Its host is resolved once, when it is connected to; every address
that the name has must be public; and the connection goes to the address that was checked, so that a name which
answers differently a moment later gains nothing. Redirects are not followed.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError

Resolve = Callable[[str, int], Sequence[str]]
LONGEST = 2000  # characters
_NUMBER = r"(?:0x[0-9a-f]*|[0-9]+)"
_NUMBERS = re.compile(rf"{_NUMBER}(?:\.{_NUMBER})*\.?", re.IGNORECASE)
# IPv6 addresses that stand for IPv4 ones, which routers or the system turn into them: mapped, compatible, NAT64 (RFC
# 6052, 8215), 6to4, Teredo; and site-local ones.
_DISGUISED = tuple(
    map(
        ipaddress.IPv6Network,
        ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10"),
    )
)
# Addresses that are not of the public internet, though some releases of Python call them global: protocol assignments
# (Oracle Cloud answers with a machine's credentials there), the relays of 6to4, the platform of Azure, documentation.
_NOT_PUBLIC = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20"))
)  # fmt: skip


class RefusedAddressError(LimbeckError):
    """An address that no notice is sent to."""

    code = "address-refused"


@dataclass(frozen=True)
class Place:
    """A host and a port that a notice goes to, and whether the settings name it as one of the own network.

    ``url`` is the address with the host as it was checked, so that no other reader of addresses finds another one.
    """

    url: str
    host: str
    port: int
    internal: bool


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host.

    Raises
    ------
    OSError
        Where it has none.
    """
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def checked_url(url: str) -> Place:
    """Return where an address leads, by its text alone: nothing is resolved.

    Raises
    ------
    RefusedAddressError
        With one sentence that says why.
    """
    if len(url) > LONGEST or re.search(r"[\s\\\x00-\x1f\x7f]", url):
        raise RefusedAddressError(_("The address is too long, or has spaces or backslashes."))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedAddressError(_("This is not a web address.")) from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise RefusedAddressError(_("The address must begin with https:// and name a host."))
    if "@" in parts.netloc or "%" in parts.netloc:
        raise RefusedAddressError(_("The host must stand alone: no name, password or percent sign."))
    host = _host(parts.hostname)
    netloc = f"[{host}]" if ":" in host else host
    if port:
        netloc += f":{port}"
    port = port or (443 if parts.scheme == "https" else 80)
    internal = {host, f"{host}:{port}"} & _internal()
    if parts.scheme == "http" and not internal:
        raise RefusedAddressError(_("Use https://; only hosts of the own network may have http://."))
    if _is_address(host) and not internal:
        check_address(host)
    return Place(parts._replace(netloc=netloc, fragment="").geturl(), host, port, bool(internal))


def reach(place: Place, resolver: Resolve = resolve) -> Callable[[str, int], str]:
    """Return what gives the one address that a connection to a place goes to.

    It raises `RefusedAddressError` where the host has no address, or one that is not public.
    """

    def found(host: str, port: int) -> str:
        if (host, port) != (place.host, place.port):
            raise RefusedAddressError(_("The server leads to another host."))
        try:
            addresses = resolver(host, port)
        except OSError as error:
            raise RefusedAddressError(_("The host %(host)s has no address.") % {"host": host}) from error
        if not place.internal:
            for address in addresses:
                check_address(address)
        if not addresses:
            raise RefusedAddressError(_("The host %(host)s has no address.") % {"host": host})
        return addresses[0]

    return found


def check_address(text: str) -> None:
    """Check that an IP address is one of the public internet.

    Raises
    ------
    RefusedAddressError
        For any other.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and (
        address.scope_id or any(address in network for network in _DISGUISED)
    ):
        raise RefusedAddressError(_("The host has an IPv6 address that stands for another one."))
    special = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
    if special or not address.is_global:
        told = _("The host is inside a private network. An administrator can allow it by LIMBECK_INTERNAL_HOSTS.")
        raise RefusedAddressError(told)


def _host(given: str) -> str:
    """Return a host as DNS has it: lower case, ASCII, without a dot at its end."""
    try:
        name = unicodedata.normalize("NFKC", given).lower().encode("idna").decode("ascii").rstrip(".")
    except UnicodeError as error:
        raise RefusedAddressError(_("This is not the name of a host.")) from error
    if _is_address(name):
        return name
    if _NUMBERS.fullmatch(name):
        raise RefusedAddressError(_("Write the IP address as four decimal numbers."))
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
        raise RefusedAddressError(_("This is not the name of a host."))
    return name


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _internal() -> set[str]:
    return {host.strip().lower() for host in settings.CONFIG.internal_hosts.split(",") if host.strip()}
