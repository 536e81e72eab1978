"""The menu: what a person may open, and which entry is open."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from limbeck.studio.roles import Ability


@dataclass(frozen=True)
class Item:
    """An entry: the name of its view and of its icon, its text, and who sees it."""

    view: str
    icon: str
    text: Promise
    ability: Ability


ITEMS = (
    Item("home", "home", _("Home"), Ability.READ),
    Item("detect", "wand", _("Detect"), Ability.DETECT),
    Item("predictions", "list-details", _("Answers"), Ability.DETECT),
    Item("review_queue", "eye", _("Review"), Ability.REVIEW),
    Item("review_items", "table", _("Data"), Ability.REVIEW),
    Item("review_disputes", "alert-triangle", _("Disputes"), Ability.REVIEW),
    Item("review_label_errors", "search", _("Label errors"), Ability.REVIEW),
    Item("review_quality", "activity", _("Quality"), Ability.REVIEW),
    Item("analysis", "stack-2", _("Analysis"), Ability.READ),
    Item("review_plan", "edit", _("Review plan"), Ability.ADMINISTER),
    Item("jobs", "stack-2", _("Jobs"), Ability.DETECT),
    Item("models", "box", _("Models"), Ability.READ),
    Item("train", "refresh", _("Train"), Ability.ADMINISTER),
    Item("announcements", "speakerphone", _("Announcements"), Ability.READ),
    Item("users", "users", _("People"), Ability.ADMINISTER),
    Item("exchange", "download", _("Import and export"), Ability.ADMINISTER),
    Item("channels", "bell", _("Notices"), Ability.ADMINISTER),
    Item("audit", "shield-check", _("Audit log"), Ability.ADMINISTER),
)


@dataclass(frozen=True)
class Entry:
    """An entry as a page shows it."""

    view: str
    icon: str
    text: str
    url: str
    active: bool


def menu(request: HttpRequest, abilities: Collection[Ability]) -> list[Entry]:
    """Return what a person may open."""
    here = request.path_info
    entries = []
    for item in ITEMS:
        if item.ability in abilities:
            url = reverse(item.view)
            active = here == url if url == "/" else here.startswith(url)
            entries.append(Entry(item.view, item.icon, str(item.text), url, active))
    return entries
