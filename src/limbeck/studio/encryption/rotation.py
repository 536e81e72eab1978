"""Replace the key of encrypted columns: a new key in front, every value encrypted with it, keys without use removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Count, F, Model
from django.db.models.functions import Cast, Substr

from limbeck.studio.encryption.fields import EncryptedField
from limbeck.studio.encryption.keyring import MARK

CHUNK = 500  # rows of a transaction


def columns() -> Iterator[tuple[type[Model], EncryptedField]]:
    """Yield the encrypted columns."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedField):
                yield model, field


def in_use() -> Counter[str]:
    """Return by the mark of a key how many values it has encrypted."""
    found: Counter[str] = Counter()
    for model, field in columns():
        stored = Cast(F(field.attname), CharField())
        rows = model._base_manager.annotate(mark=Substr(stored, 1, MARK)).exclude(mark="").order_by()
        found.update(dict(rows.values_list("mark").annotate(n=Count("pk"))))
    return found


def require_keys() -> None:
    """Refuse to go on without a key that values are encrypted with.

    Raises
    ------
    LimbeckError
        With the marks of the keys that are missing.
    """
    there = {key.mark for key in settings.KEYRING.keys}
    if gone := sorted(set(in_use()) - there):
        raise settings.KEYRING.missing(gone)


def rotate() -> int:
    """Encrypt all values with the newest key, a new one where the site keeps its keys; return how many.

    The site may run meanwhile. What a process writes with the key before stays readable, as that key is kept until the
    next rotation. A rotation that was killed is done by the next one.
    """
    ring = settings.KEYRING
    require_keys()
    if ring.in_file:
        ring.add_new()
    changed = sum(_encrypt_again(model, field) for model, field in columns())
    if ring.in_file:
        ring.drop_old(set(in_use()))
    return changed


def _encrypt_again(model: type[Model], field: EncryptedField) -> int:
    changed, after = 0, 0
    while True:
        with transaction.atomic():
            rows = model._base_manager.select_for_update().filter(pk__gt=after).order_by("pk").only(field.attname)
            found = list(rows[:CHUNK])
            for row in found:
                if getattr(row, field.attname):
                    row.save(update_fields=[field.attname])
                    changed += 1
        if not found:
            return changed
        after = found[-1].pk
