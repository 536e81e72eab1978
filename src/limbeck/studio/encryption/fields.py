"""Columns of text that are encrypted in the database, and can be looked up by their whole value alone."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.validators import validate_email
from django.db.models import CharField
from django.db.models.lookups import In
from django.utils.datastructures import DictWrapper

from limbeck.studio.encryption.keyring import sealed_length


class Sealed(str):
    """A text that is encrypted already, as a backup holds it."""

    __slots__ = ()


class EncryptedField(CharField):
    """A column of text; empty stays empty, everything else is encrypted for this column."""

    @property
    def column_name(self) -> str:
        """What the value is encrypted for."""
        return f"{self.model._meta.label_lower}.{self.name}"

    def db_type_parameters(self, connection: Any) -> Any:
        """Make the column as wide as what the longest text is encrypted to."""
        stored = {**self.__dict__, "max_length": sealed_length(self.max_length)}
        return DictWrapper(stored, connection.ops.quote_name, "qn_")

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt."""
        text = super().get_prep_value(value)
        return (
            text if not text or isinstance(value, Sealed) else settings.KEYRING.seal(self.plain(text), self.column_name)
        )

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        """Decrypt."""
        return settings.KEYRING.open(value, self.column_name) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        """Return how it is looked up: by the whole value, and whether there is one; not by parts of it."""
        if lookup_name in ("exact", "iexact"):
            return Whole
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def plain(self, text: str) -> str:
        """Return a text as it is encrypted and looked up."""
        return text


class EncryptedEmailField(EncryptedField):
    """An e-mail address, kept and looked up in lower case."""

    default_validators: ClassVar = [validate_email]

    def plain(self, text: str) -> str:
        """Return it in lower case."""
        return text.lower()

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        """Let the object have what the database gets."""
        value = super().pre_save(model_instance, add)
        if isinstance(value, str) and not isinstance(value, Sealed):
            value = self.plain(value)
            setattr(model_instance, self.attname, value)
        return value

    def formfield(self, **kwargs: Any) -> Any:
        """Ask for an address."""
        return super().formfield(**{"form_class": forms.EmailField, **kwargs})


class Whole(In):
    """``field = value``, encrypted with any of the keys."""

    lookup_name = "exact"

    def __init__(self, lhs: Any, rhs: Any) -> None:
        super().__init__(lhs, [rhs])

    def get_prep_lookup(self) -> list[str]:
        """Return all that the value may be in the database."""
        field, (value,) = self.lhs.output_field, self.rhs
        text = str(value or "")
        return settings.KEYRING.variants(field.plain(text), field.column_name) if text else [""]
