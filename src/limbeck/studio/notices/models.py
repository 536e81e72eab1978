"""Channels that notices go through, and the log of every delivery."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.notices.events import EVENTS

WEBHOOK, WECOM, DINGTALK, FEISHU, SLACK, EMAIL = "webhook", "wecom", "dingtalk", "feishu", "slack", "email"
KINDS = [
    (WEBHOOK, _("Webhook")),
    (WECOM, _("WeCom robot")),
    (DINGTALK, _("DingTalk robot")),
    (FEISHU, _("Feishu robot")),
    (SLACK, _("Slack")),
    (EMAIL, _("E-mail digest")),
]
SHORTEST_KEY = 6  # characters; shorter parts of an address are no keys
WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"
STATES = [(WAITING, _("Waiting")), (DELIVERED, _("Delivered")), (FAILED, _("Failed"))]
GAPS = [(0, _("at once")), (60, _("every minute")), (3600, _("every hour")), (86400, _("once a day"))]


class Channel(models.Model):
    """Where notices go. ``secret`` signs them; it and the path of ``url`` are keys and never shown again."""

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=KINDS, default=WEBHOOK)
    url = models.CharField(_("address"), max_length=2000, blank=True)
    secret = models.CharField(_("secret"), max_length=200, blank=True)
    recipients = models.TextField(_("recipients"), blank=True)
    events = models.JSONField(_("events"), default=list)
    language = models.CharField(_("language"), max_length=10, default="en")
    gap = models.PositiveIntegerField(_("sent"), choices=GAPS, default=0)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    next_at = models.DateTimeField(null=True)  # nothing is sent before
    lease_until = models.DateTimeField(null=True)  # until when it belongs to one sender

    class Meta:
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return str(self.name)

    @property
    def shown_address(self) -> str:
        """The recipients, or the host without the keys behind it."""
        if self.kind == EMAIL:
            return ", ".join(self.addresses)
        return f"{urlsplit(self.url).scheme}://{urlsplit(self.url).hostname}/…"

    def without_keys(self, text: str) -> str:
        """Return what a server said with an ellipsis for each key: many repeat the address that they were asked for."""
        parts = urlsplit(self.url)
        found = [self.secret, *parts.path.split("/"), *(value for _name, value in parse_qsl(parts.query))]
        found += [part.partition("=")[2] for part in parts.query.split("&")]
        keys = {form for key in found for form in (key, unquote(key)) if len(key) >= SHORTEST_KEY}
        for key in sorted(keys, key=len, reverse=True):
            text = text.replace(key, "…")
        return text

    @property
    def addresses(self) -> list[str]:
        """The addresses of a digest."""
        return [one.strip() for one in self.recipients.replace(",", "\n").splitlines() if one.strip()]


class Delivery(models.Model):
    """One event for one channel: what is told, and what became of it."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    event = models.CharField(_("event"), max_length=40)
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(_("time"), default=timezone.now)
    state = models.CharField(_("state"), max_length=10, choices=STATES, default=WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-pk",)
        indexes = [
            models.Index(fields=["state", "next_at"], name="notice_due"),
            models.Index(fields=["channel", "-id"], name="notice_of_channel"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.event} {self.state}"

    @property
    def label(self) -> str:
        """What people read for its event."""
        return str(EVENTS.get(self.event, self.event))
