"""People, invitations, and wrong passwords."""

from __future__ import annotations

import hashlib

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.encryption.fields import EncryptedEmailField, EncryptedField
from limbeck.studio.roles import ABILITIES, Ability, Role

ROLES = [
    (Role.VIEWER.value, _("Viewer")),
    (Role.OPERATOR.value, _("Operator")),
    (Role.REVIEWER.value, _("Reviewer")),
    (Role.ADMINISTRATOR.value, _("Administrator")),
]


class User(AbstractUser):
    """A person. What one may do follows from the role alone; Django's permissions and its admin site are not used."""

    first_name = last_name = None
    name = models.CharField(_("full name"), max_length=100, blank=True)
    email = EncryptedEmailField(_("email address"), max_length=254, blank=True)
    phone = EncryptedField(_("phone"), max_length=30, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=ROLES, default=Role.VIEWER.value, db_index=True)
    must_change_password = models.BooleanField(_("must change the password at the next sign-in"), default=False)
    language = models.CharField(_("language"), max_length=10, blank=True)
    erased_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("username",)

    def may(self, ability: Ability | str) -> bool:
        """Whether the person may do something."""
        return self.is_active and ability in ABILITIES[Role(self.role)]

    @property
    def is_external(self) -> bool:
        """Whether a provider or a directory signs the person in; there is no password on this site then."""
        return bool(self.socialaccount_set.exists())

    @property
    def shown_name(self) -> str:
        """What others see: the full name, or the user name."""
        return self.name or self.username

    def get_full_name(self) -> str:
        """Return the full name."""
        return self.name

    def get_short_name(self) -> str:
        """Return what others see."""
        return self.shown_name


def hashed(token: str) -> str:
    """Return the hash under which a token is stored: who reads the database cannot use it."""
    return hashlib.sha256(token.encode()).hexdigest()


class Invitation(models.Model):
    """A link by which one person registers with a given role, once, for some days."""

    token = models.CharField(max_length=64, unique=True)
    role = models.CharField(_("role"), max_length=20, choices=ROLES, default=Role.OPERATOR.value)
    note = models.CharField(_("for whom"), max_length=100, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    expires_at = models.DateTimeField(_("valid until"))
    used_at = models.DateTimeField(null=True)
    used_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("-created_at",)

    @property
    def valid(self) -> bool:
        """Whether it can still be used."""
        return self.used_at is None and self.expires_at > timezone.now()


class Attempt(models.Model):
    """A sign-in that is being tried, or failed, under a name; the name is stored as a hash."""

    key = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)
