"""Every page in a real browser: both languages, light and dark, on a phone and a desk; no message in the console.

Screenshots are left in ``build/studio``, to be looked at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse

from limbeck.studio.accounts.models import User
from limbeck.studio.accounts.services import invite
from limbeck.studio.announcements.markdown import TAGS, rendered
from limbeck.studio.announcements.models import Announcement
from limbeck.studio.detection import services
from limbeck.studio.exchange.exporting import file_of
from limbeck.studio.exchange.models import Rejected
from limbeck.studio.jobs.models import Job
from limbeck.studio.notices.models import Channel, Delivery
from limbeck.studio.opinions.models import WordList
from limbeck.studio.registry.facts import Version
from limbeck.studio.review.models import Item
from limbeck.studio.review.services.adding.add import add_items, item_of
from limbeck.studio.roles import Role
from small import reviews
from studio.hostile_texts import HOSTILE_TEXTS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = Path(__file__).parents[2] / "build" / "studio"
WIDTHS = (1280, 390)
PUBLIC = ("account_login", "account_signup", "account_reset_password", "account_reset_password_done")
PAGES = (
    "home", "detect", "predictions", "prediction", "jobs", "job", "models", "model", "announcements", "announcement",
    "train", "retrain", "watch",
    "announcement_new", "users", "user_new", "user", "user_erase", "invitations", "audit", "profile", "tokens",
    "account_change_password", "mfa_index", "usersessions_list", "exchange", "channels", "channel_new", "channel",
    "import_job", "export_job", "review_queue", "review_items", "review_item",
    "review_disputes", "review_quality", "review_plan", "word_lists", "word_list", "analysis", "review_label_errors",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The system's browser."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium on this machine")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright has a loop in this thread; nothing else runs in it
    try:
        with sync_playwright() as playwright:
            yield playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Browser:
    """A person's browser: pages of the site, and what the console says."""

    def __init__(self, chromium: Any, address: str, client: Client | None, language: str, theme: str) -> None:
        self.address, self.said = address, []
        context = chromium.new_context(viewport={"width": WIDTHS[0], "height": 800}, reduced_motion="reduce")
        cookies = {"language": language, "theme": theme}
        if client is not None:
            cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies.items()])
        context.set_default_timeout(15_000)
        self.page = context.new_page()
        self.page.on("console", lambda told: self.said.append(told.text) if told.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self, name: str, *arguments: object) -> Any:
        """Open a page."""
        self.page.goto(self.address + reverse(name, args=arguments))
        return self.page


@pytest.fixture
def site(live_server: Any, people: dict[str, User], model: Version) -> dict[str, tuple[object, ...]]:
    """A site with something on every page: name of a page -> its arguments."""
    admin = people["administrator"]
    rows = [services.text_row(row["text"]) for row in reviews(6)]
    answers = services.ask(model, rows, by=admin)
    running = {"stage": "predict", "done": 420, "total": 1000, "owner": "another-machine-1"}
    job = Job.objects.create(kind="batch", title="评论-2026-11.xlsx", state="running", created_by=admin, **running)
    Job.objects.create(kind="batch", title="old.csv", state="failed", reason="defect", created_by=admin)
    job.parameters = {"model": model.name, "version": model.version}
    job.save()
    told = "周五 **22:00** 起停机两小时。\n\n- 请提前保存\n- [说明](https://example.org)"
    one = Announcement.objects.create(title="周五停机维护", body=told, pinned=True, created_by=admin)
    invite(Role.REVIEWER, by=admin, note="王芳")
    counts = {"rows": 9_120, "known": 12, "reviews": 431, "rejected": 1}
    taken = Job.objects.create(kind="import", title="评论.xlsx", state="finished", created_by=admin, result=counts)
    Rejected.objects.create(job=taken, row=17, reason="the cell '评论' is empty")
    asked = {"form": "excel", "model": model.name, "state": "all"}
    given = Job.objects.create(kind="export", title="a.xlsx", created_by=admin, parameters=asked)
    Job.objects.filter(pk=given.pk).update(state="finished", result={"rows": 9_120, "bytes": 812_345})
    file_of(given).parent.mkdir(parents=True, exist_ok=True)
    file_of(given).write_bytes(b"x")
    robot = {"url": "https://oapi.dingtalk.com/robot/send?access_token=x", "events": ["job.failed"]}
    entries = [["加微信", "bad", "广告"], ["很好", "good", ""]]
    words = WordList.objects.create(name="敏感词", model=model.name, version="v", entries=entries)
    channel = Channel.objects.create(name="运营群", kind="dingtalk", **robot)
    Delivery.objects.create(channel=channel, event="job.failed", facts={"target": "job:3"}, state="delivered")
    wrong = {"state": "failed", "attempts": 8, "status": 200, "reason": "310000: sign not match"}
    Delivery.objects.create(channel=channel, event="model.publish", facts={"target": "model:reviews"}, **wrong)
    add_items([item_of(answer) for answer in answers], by=admin)
    return {
        "review_item": (Item.objects.order_by("pk")[0].pk,),
        "prediction": (answers[0].pk,), "job": (job.pk,), "model": (model.name,), "announcement": (one.pk,),
        "channel": (channel.pk,), "import_job": (taken.pk,), "export_job": (given.pk,), "word_list": (words.pk,),
        "retrain": (model.name,), "watch": (model.name,),
        "user": (people["viewer"].pk,), "user_erase": (people["viewer"].pk,),
    }  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page(
    chromium: Any, live_server: Any, site: dict[str, tuple[object, ...]], sign_in: Callable[[str], Client],
    language: str, theme: str,
) -> None:  # fmt: skip
    SHOTS.mkdir(parents=True, exist_ok=True)
    address = live_server.url.replace("127.0.0.1", "localhost")
    signed_in = Browser(chromium, address, sign_in("administrator"), language, theme)
    anonymous = Browser(chromium, address, None, language, theme)
    axe, wrong = Axe(), []
    for name in (*PUBLIC, *PAGES):
        browser = anonymous if name in PUBLIC else signed_in
        page = browser.open(name.replace("import_job", "job").replace("export_job", "job"), *site.get(name, ()))
        assert page.locator("html").get_attribute("data-bs-theme") == theme
        assert page.locator("h1").count() == 1, name
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800 if width > 500 else 844})
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                wrong.append(f"{name} {width}: {wide} px too wide")
            page.screenshot(path=SHOTS / f"{name}-{language}-{theme}-{width}.png", full_page=True)
        if language == "zh-hans":  # the colours are the same in both languages
            for found in axe.run(page).response["violations"]:
                if found["impact"] in ("serious", "critical"):
                    nodes = [node["html"][:120] + " " + node["failureSummary"][:160] for node in found["nodes"][:2]]
                    wrong.append(f"{name}: {found['id']} {nodes}")
    assert not wrong, "\n".join(wrong)
    assert signed_in.said + anonymous.said == []


def test_a_text_is_answered_by_keyboard_alone(
    chromium: Any, live_server: Any, site: dict[str, tuple[object, ...]], sign_in: Callable[[str], Client]
) -> None:
    browser = Browser(chromium, live_server.url.replace("127.0.0.1", "localhost"), sign_in("operator"), "en", "light")
    page = browser.open("detect")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("skip-link")
    page.focus("#id_text")
    page.keyboard.type(reviews(2)[1]["text"])
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer-label")
    assert page.locator("mark.part").count() > 0
    page.fill("#id_text", "   ")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#id_text_error")
    assert [told for told in browser.said if "422" not in told] == []


def test_deleting_asks_first(
    chromium: Any, live_server: Any, site: dict[str, tuple[object, ...]], sign_in: Callable[[str], Client]
) -> None:
    browser = Browser(
        chromium, live_server.url.replace("127.0.0.1", "localhost"), sign_in("administrator"), "en", "light"
    )
    page = browser.open("announcement", *site["announcement"])
    page.click("text=Delete")
    page.locator("dialog").get_by_text("Cancel").click()
    assert Announcement.objects.count() == 1
    page.click("text=Delete")
    page.locator("dialog [value=yes]").click()
    page.wait_for_url("**/announcements/")
    assert Announcement.objects.count() == 0
    assert browser.said == []


def test_no_hostile_announcement_does_anything(chromium: Any) -> None:
    """On a page without the site's content security policy, which would stop most of it too."""
    page, asked = chromium.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    for text in HOSTILE_TEXTS:
        page.set_content(f"<title>own</title><main>{rendered(text)}</main><footer>after</footer>")
        elements = page.evaluate(
            "[...document.querySelectorAll('main *')].map(e => [e.localName, e.getAttributeNames(), e.protocol])"
        )
        for name, attributes, protocol in elements:  # as the browser reads the address; ":" is none, or one of no use
            assert name in TAGS and set(attributes) <= {"href", "title", "rel"}, text
            assert protocol in (None, ":", "http:", "https:", "mailto:"), text
        assert page.title() == "own" and page.locator("body > footer").inner_text() == "after", text
    assert asked == []
