"""Announcements: who sees them when, what Markdown may hold, and who has read them."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from limbeck.studio.announcements import services
from limbeck.studio.announcements.markdown import rendered
from limbeck.studio.announcements.models import Announcement

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)


def write(client: Client, **values: object) -> Announcement:
    """Write one by the form."""
    now = timezone.now().strftime("%Y-%m-%dT%H:%M")
    client.post(reverse("announcement_new"), {"title": "t", "body": "b", "starts_at": now, **values})
    return Announcement.objects.latest("pk")


def test_it_is_new_until_it_is_read(sign_in: Callable[[str], Client]) -> None:
    one = write(sign_in("administrator"), title="Maintenance", body="**Tonight**")
    viewer = sign_in("viewer")
    assert viewer.get(reverse("home")).context["unread"] == 1
    assert "<strong>Tonight</strong>" in viewer.get(reverse("announcement", args=[one.pk])).content.decode()
    assert viewer.get(reverse("home")).context["unread"] == 0
    sign_in("administrator").post(
        reverse("announcement_edit", args=[one.pk]), {"title": "Moved", "body": "b", "starts_at": "2026-01-01T00:00"}
    )
    assert viewer.get(reverse("home")).context["unread"] == 1


def test_only_the_shown_ones_are_seen(sign_in: Callable[[str], Client]) -> None:
    now = timezone.now()
    later = Announcement.objects.create(title="later", body="b", starts_at=now + HOUR)
    past = Announcement.objects.create(title="past", body="b", starts_at=now - 2 * HOUR, ends_at=now - HOUR)
    assert not services.shown().exists()
    for one in (later, past):
        assert sign_in("viewer").get(reverse("announcement", args=[one.pk])).status_code == 404
        assert sign_in("administrator").get(reverse("announcement", args=[one.pk])).status_code == 200


def test_pinned_ones_come_first_and_ended_ones_go(sign_in: Callable[[str], Client]) -> None:
    admin = sign_in("administrator")
    pinned, newer = write(admin, title="pinned", pinned="on"), write(admin, title="newer")
    assert [one.pk for one in services.shown()] == [pinned.pk, newer.pk]
    admin.post(reverse("announcement_expire", args=[pinned.pk]))
    admin.post(reverse("announcement_delete", args=[newer.pk]))
    assert not services.shown().exists()


def test_an_end_before_the_start_is_refused(sign_in: Callable[[str], Client]) -> None:
    form = {"title": "t", "body": "b", "starts_at": "2026-05-01T00:00", "ends_at": "2026-04-01T00:00"}
    page = sign_in("administrator").post(reverse("announcement_new"), form)
    assert "after the start" in page.content.decode()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](https://evil/x.png)",
        "[x](data:text/html,<script>1</script>)",
        "<a href='javascript:1'>x</a>",
        "<svg/onload=alert(1)>",
        "[x](vbscript:x)",
        "<iframe src=//evil></iframe>",
        "<style>*{}</style>",
        "<form action=//evil>",
    ],
)
def test_markdown_is_safe(text: str) -> None:
    html = rendered(text)
    for unsafe in (
        "<script",
        "<img",
        "<svg",
        "<iframe",
        "<style",
        "<form",
        'href="javascript',
        'href="data',
        'href="vb',
    ):
        assert unsafe not in html


def test_markdown_keeps_what_is_meant() -> None:
    html = rendered("# Plan\n\n- one\n- [two](https://example.org)\n\n|a|b|\n|-|-|\n|1|2|")
    for part in ("<h1>Plan</h1>", "<li>one</li>", 'href="https://example.org"', "<td>1</td>", "nofollow"):
        assert part in html
