"""Announcements: who sees them when, what Markdown may hold, and who has read them."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from limbeck.studio.announcements import services
from limbeck.studio.announcements.markdown import TAGS, rendered
from limbeck.studio.announcements.models import Announcement
from studio.hostile_texts import HOSTILE_TEXTS

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)
# The beginnings and ends of what an attack is made of, to be mixed with whole ones.
PIECES = [
    "<", ">", "</", "/>", "<!--", "-->", "<![CDATA[", "]]>", "<?", "`", "```\n", "[x](", ")", "![", "]: ", "\n", "    ",
    "|", "-|-", "> ", "- ", "&lt;", "&#60;", "&#x3c;script&#x3e;", "\x00", "\\", '"', "'", "onclick=", "javascript:",
    "script", "a href=",
]  # fmt: skip


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


class Found(HTMLParser):
    """The elements of a page with their attributes, as a browser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", {}))

    handle_decl = handle_pi = unknown_decl = handle_comment


def safe(html: str) -> bool:
    """Whether a page holds nothing but elements of text, and links to the web and to mail."""
    for tag, attributes in Found(html).elements:
        if tag not in TAGS or set(attributes) - ({"href", "title", "rel"} if tag == "a" else set()):
            return False
        # A browser leaves control characters and spaces out before it looks for the scheme.
        address = re.sub(r"[\x00-\x20\x7f]", "", attributes.get("href") or "").lower()
        scheme = re.match(r"[a-z][a-z0-9+.-]*:", address)
        if scheme and scheme[0] not in ("http:", "https:", "mailto:"):
            return False
    return True


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_markdown_is_safe(text: str) -> None:
    assert safe(rendered(text))


@given(st.lists(st.sampled_from([*HOSTILE_TEXTS, *PIECES]) | st.text(max_size=5), max_size=12).map("".join))
def test_no_mixture_of_markdown_and_html_gets_through(text: str) -> None:
    assert safe(rendered(text))


@given(st.text("<>/=\"'()[]!`&;:#x0a \n\tjs", max_size=60))
def test_no_characters_get_through(text: str) -> None:
    assert safe(rendered(text))


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_the_check_sees_what_a_renderer_lets_through(text: str) -> None:
    """Without rendering and cleaning the same texts are not safe, where they hold HTML at all."""
    if text.lstrip().startswith("<"):
        assert not safe(text)


@pytest.mark.parametrize("piece", ["[", "![", "[a](", "**a ", "> - ", "<a ", "&", "|\n", "`", "- "])
def test_the_longest_text_is_rendered_quickly(piece: str) -> None:
    began = time.process_time()
    rendered((piece * 20_000)[:20_000])
    assert time.process_time() - began < 5


def test_markdown_keeps_what_is_meant() -> None:
    html = rendered("# Plan\n\n- one\n- [two](https://example.org)\n\n|a|b|\n|-|-|\n|1|2|")
    for part in ("<h1>Plan</h1>", "<li>one</li>", 'href="https://example.org"', "<td>1</td>", "nofollow"):
        assert part in html
