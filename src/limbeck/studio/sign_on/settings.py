"""The settings of sign-in through a provider or a directory, and which of them contradict each other."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from limbeck.errors import LimbeckError, missing_extra
from limbeck.studio.hosts import is_loopback
from limbeck.studio.roles import Role

Roles = dict[str, Role]


class SignOnSettings(BaseSettings):
    """Part of `limbeck.studio.config.Config`."""

    password_sign_in: bool = Field(default=True, description="accounts of this site with a password; registration")
    sso_create: bool = Field(default=True, description="create an account at the first sign-in through a provider")
    sso_default_role: Role | None = Field(
        default=Role.VIEWER, description="role if no group has one; none: such people are refused"
    )
    sso_link: bool = Field(
        default=False, description="link to the account with the same e-mail address, if the provider has verified it"
    )

    oidc_issuer: str = Field(default="", description="OpenID Connect provider, e.g. https://login.example.org/realms/x")
    oidc_name: str = Field(default="", description="its name on the button of the sign-in page")
    oidc_client_id: str = Field(default="", description="client ID of this site at the provider")
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), description="client secret")
    oidc_scopes: str = Field(default="openid profile email", description="scopes that are requested")
    oidc_groups: str = Field(default="groups", description="claim with the groups; a.b: b in the object a")
    oidc_roles: Roles = Field(default_factory=dict, description='group to role, {"admins": "administrator"}')

    ldap_uri: str = Field(default="", description="directory, ldaps://ldap.example.org or ldap://…")
    ldap_start_tls: bool = Field(default=True, description="encrypt ldap:// with StartTLS")
    ldap_ca: Path | None = Field(default=None, description="certificates that are trusted, PEM; else the system's")
    ldap_bind_dn: str = Field(default="", description="DN of the account that searches; empty: anonymous")
    ldap_bind_password: SecretStr = Field(default=SecretStr(""), description="its password")
    ldap_user_base: str = Field(default="", description="search base of people, ou=people,dc=example,dc=org")
    ldap_user_filter: str = Field(default="(uid={user})", description="search filter of one person")
    ldap_group_base: str = Field(default="", description="search base of groups")
    ldap_group_filter: str = Field(default="(member={dn})", description="search filter of the groups of a person")
    ldap_id: str = Field(default="entryUUID", description="attribute that never changes; objectGUID with AD")
    ldap_name: str = Field(default="cn", description="attribute with the full name")
    ldap_mail: str = Field(default="mail", description="attribute with the e-mail address")
    ldap_roles: Roles = Field(default_factory=dict, description="cn or DN of a group to role")

    def check(self) -> None:
        """Refuse settings that contradict each other.

        Raises
        ------
        LimbeckError
            With the name of the variable.
        """
        if self.oidc_issuer:
            _address("LIMBECK_OIDC_ISSUER", self.oidc_issuer, {"https"}, {"http"})
            _given("LIMBECK_OIDC_CLIENT_ID", self.oidc_client_id)
        if self.ldap_uri:
            if importlib.util.find_spec("ldap") is None:
                raise missing_extra("python-ldap", "ldap", "LIMBECK_LDAP_URI")
            plain = set() if self.ldap_start_tls else {"ldap"}
            _address("LIMBECK_LDAP_URI", self.ldap_uri, {"ldaps", "ldap"} - plain, plain)
            _given("LIMBECK_LDAP_USER_BASE", self.ldap_user_base)
            for name in ("ldap_user_filter", "ldap_group_filter"):
                text, variable = getattr(self, name), f"LIMBECK_{name.upper()}"
                if not (text.startswith("(") and text.endswith(")")) or not ("{user}" in text or "{dn}" in text):
                    raise LimbeckError(
                        "is not a search filter", where=variable, fix="write e.g. (uid={user}) or (member={dn})"
                    )
        if not self.password_sign_in and not self.oidc_issuer and not self.ldap_uri:
            fix = "set LIMBECK_OIDC_ISSUER or LIMBECK_LDAP_URI"
            raise LimbeckError("would leave no way to sign in", where="LIMBECK_PASSWORD_SIGN_IN", fix=fix)


def _given(variable: str, value: str) -> None:
    if not value:
        raise LimbeckError("is missing", where=variable, fix="see docs/sign-on.md")


def _address(variable: str, value: str, schemes: set[str], on_this_machine: set[str]) -> None:
    """Refuse a URL whose scheme is not allowed: some are for addresses of this machine only."""
    parts = urlsplit(value)
    allowed = schemes | on_this_machine if is_loopback(parts.hostname or "") else schemes
    if parts.scheme not in allowed or not parts.hostname or parts.username or parts.query or parts.fragment:
        fix = "begin it with https://" if "https" in schemes else "begin it with ldaps://, or leave StartTLS on"
        raise LimbeckError("is not an encrypted address", where=variable, fix=fix)
