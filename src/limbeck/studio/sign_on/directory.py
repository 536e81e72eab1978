"""Look a person up in an LDAP directory and check the password there (RFC 4511: search, then bind as that entry).

Through python-ldap, which is OpenLDAP's own library. Every connection is encrypted, with the certificate checked,
unless the directory is on this machine and the settings say so.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from limbeck.studio.sign_on.provisioning import Identity, subject_key

LDAP = "ldap"
SECONDS = 5  # for connecting, and for each answer
Attributes = dict[str, list[bytes]]  # by name, in lower case


class DirectoryError(Exception):
    """The directory cannot be asked: it is not reachable, or the settings do not fit it."""


def look_up(name: str, password: str) -> Identity | None:
    """Return the person with a name and a password; None where one of them is wrong.

    Raises
    ------
    DirectoryError
        When the directory cannot be asked.
    """
    if not name or not password:  # a bind without a password is anonymous and always succeeds (RFC 4513, 5.1.2)
        return None
    import ldap

    config = settings.CONFIG
    try:
        with _connected() as service:
            if config.ldap_bind_dn:
                service.simple_bind_s(config.ldap_bind_dn, config.ldap_bind_password.get_secret_value())
            found = _entry(service, name)
            # Without an entry there is a bind too, which fails: nothing tells whether the name exists.
            dn = found[0] if found else f"cn={secrets.token_hex(8)},{config.ldap_user_base}"
            if not _is_password(dn, password) or found is None:
                return None
            return _identity(name, found[1], _groups(service, name, dn))
    except ldap.LDAPError as error:
        raise DirectoryError(type(error).__name__) from error


@contextmanager
def _connected() -> Iterator[Any]:
    import ldap

    config = settings.CONFIG
    connection = ldap.initialize(config.ldap_uri)
    try:
        connection.set_option(ldap.OPT_REFERRALS, 0)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, SECONDS)
        connection.set_option(ldap.OPT_TIMEOUT, SECONDS)
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        if config.ldap_ca:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(config.ldap_ca))
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # the options above hold from here
        if config.ldap_start_tls and config.ldap_uri.startswith("ldap://"):
            connection.start_tls_s()
        yield connection
    finally:
        connection.unbind_s()


def _entry(service: Any, name: str) -> tuple[str, Attributes] | None:
    """Return the one entry of a name."""
    config = settings.CONFIG
    wanted = [config.ldap_id, config.ldap_name, config.ldap_mail]
    found = _search(service, config.ldap_user_base, _filter(config.ldap_user_filter, user=name), wanted)
    if len(found) > 1:
        logging.getLogger(__name__).warning("LIMBECK_LDAP_USER_FILTER finds %d entries for one name", len(found))
    return found[0] if len(found) == 1 else None


def _is_password(dn: str, password: str) -> bool:
    """Whether a password is that of an entry."""
    import ldap

    with _connected() as own:
        try:
            own.simple_bind_s(dn, password)
        except (ldap.INVALID_CREDENTIALS, ldap.INAPPROPRIATE_AUTH, ldap.UNWILLING_TO_PERFORM, ldap.NO_SUCH_OBJECT):
            return False
    return True


def _groups(service: Any, name: str, dn: str) -> frozenset[str]:
    """Return the DN and the ``cn`` of the groups of an entry, in lower case."""
    config = settings.CONFIG
    if not config.ldap_group_base:
        return frozenset()
    wanted = _filter(config.ldap_group_filter, user=name, dn=dn)
    found = _search(service, config.ldap_group_base, wanted, ["cn"])
    return frozenset({group.lower() for group, _ in found} | {_text(held, "cn").lower() for _, held in found})


def _search(service: Any, base: str, wanted: str, attributes: list[str]) -> list[tuple[str, Attributes]]:
    """Return the entries, with attribute names in lower case and without referrals to other directories."""
    import ldap

    found = service.search_ext_s(base, ldap.SCOPE_SUBTREE, wanted, attributes, timeout=SECONDS)
    return [(dn, {name.lower(): values for name, values in held.items()}) for dn, held in found if dn is not None]


def _filter(template: str, **values: str) -> str:
    """Return a filter with values in place of ``{user}`` and ``{dn}``; nothing in them can change it (RFC 4515)."""
    from ldap.filter import escape_filter_chars

    return re.sub(r"\{(user|dn)\}", lambda place: escape_filter_chars(values.get(place[1], "")), template)


def _identity(name: str, held: Attributes, groups: frozenset[str]) -> Identity:
    config = settings.CONFIG
    own = held.get(config.ldap_id.lower())
    if not own:
        raise DirectoryError(f"no {config.ldap_id}; see LIMBECK_LDAP_ID")
    return Identity(
        source=LDAP, subject=subject_key(config.ldap_id.lower(), own[0].hex()), groups=groups, username=name.strip(),
        name=_text(held, config.ldap_name), email=_text(held, config.ldap_mail),
    )  # fmt: skip


def _text(held: Attributes, name: str) -> str:
    values = held.get(name.lower())
    return values[0].decode("utf-8", "replace").strip() if values else ""
