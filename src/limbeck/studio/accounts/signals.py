"""What is heard of django-allauth: second factors, for the audit log, and addresses that it would keep readable."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from limbeck.studio.audit.log import record


@receiver(post_save, sender=Authenticator)
def saved(sender: Any, instance: Authenticator, created: bool, **_: Any) -> None:
    """Write down a new second factor or passkey; that one was used changes it too, and is no news."""
    if created:
        _write("account.factor_add", instance)


@receiver(post_delete, sender=Authenticator)
def deleted(sender: Any, instance: Authenticator, **_: Any) -> None:
    """Write down one that was removed."""
    _write("account.factor_remove", instance)


@receiver(post_save, sender=EmailAddress)
def address_saved(sender: Any, instance: EmailAddress, **_: Any) -> None:
    """Keep no address in that table: the account has it, encrypted, and is asked where the table has none."""
    sender.objects.filter(pk=instance.pk).delete()


def _write(action: str, factor: Authenticator) -> None:
    request = context.request
    actor = getattr(getattr(request, "user", None), "pk", None)
    with transaction.atomic():
        record(action, actor=actor, target=f"user:{factor.user_id}", request=request, kind=str(factor.type))
