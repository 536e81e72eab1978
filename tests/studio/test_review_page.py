"""The review page in a real browser: by keyboard, with a line that breaks, and after the page was closed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from limbeck.studio.accounts.models import User
from limbeck.studio.detection import services
from limbeck.studio.registry.facts import Version
from limbeck.studio.review.models import Item, Policy, Review
from limbeck.studio.review.services.adding.add import add_items, item_of
from small import reviews
from studio.test_browser import Browser, chromium

__all__ = ["chromium"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
COUNT = 24


@pytest.fixture
def waiting(people: dict[str, User], model: Version) -> Version:
    """A model whose answers to some texts wait for review."""
    rows = [services.text_row(row["text"]) for row in reviews(COUNT)]
    answers = services.ask(model, rows, by=people["operator"], explain=False)
    Policy.objects.create(model=model.name, audit_share=0.2)
    add_items([item_of(one) for one in answers], by=None, rng=random.Random(3))
    return model


@pytest.fixture
def browser(chromium: Any, live_server: Any, sign_in: Callable[[str], Client], waiting: Version) -> Browser:
    """The browser of a reviewer."""
    address = live_server.url.replace("127.0.0.1", "localhost")
    return Browser(chromium, address, sign_in("reviewer"), "en", "light")


def settled(page: Any) -> None:
    """Wait until the page has sent all answers."""
    page.wait_for_selector('#saving[data-count="0"]')


def test_all_items_are_reviewed_by_keyboard_alone(browser: Browser, waiting: Version) -> None:
    page = browser.open("review_queue")
    page.wait_for_selector("#item mark.part")  # what drove the answer arrives after the item
    seen = []
    for at in range(COUNT):
        seen.append(int(page.locator("#review").get_attribute("data-shown")))
        page.keyboard.press("1" if at % 3 == 0 else " ")
        if at < COUNT - 1:
            page.wait_for_selector(f'#review:not([data-shown="{seen[-1]}"]):not([data-shown=""])')
    page.wait_for_selector("#none:not(.d-none)")
    settled(page)
    assert sorted(seen) == sorted(Item.objects.values_list("pk", flat=True))
    assert Item.objects.filter(state="reviewed", final_by__username="reviewer").count() == COUNT
    first = Item.objects.get(pk=seen[0])
    assert first.final_label == waiting.manifest.classes[0]
    assert page.locator("#today").inner_text() == str(COUNT)
    assert browser.said == []


def test_skip_note_undo_and_the_view(browser: Browser) -> None:
    page = browser.open("review_queue")
    page.wait_for_selector("#item .review-text")
    first = int(page.locator("#review").get_attribute("data-shown"))
    page.keyboard.press("e")
    page.keyboard.type("irony, s 1 z")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    second = int(page.locator("#review").get_attribute("data-shown"))
    page.keyboard.press("s")
    page.keyboard.press("z")
    assert int(page.locator("#review").get_attribute("data-shown")) == second
    settled(page)
    assert Review.objects.get(item=first).note == "irony, s 1 z"
    assert not Review.objects.filter(item=second, undone_at=None).exists()
    for key, css in (("w", "no-marks"), ("a", "no-model"), ("t", "large"), ("x", "media-blur")):
        page.keyboard.press(key)
        assert css in page.locator("#review").get_attribute("class")
    page.reload()
    page.wait_for_selector("#item .review-text")
    assert "no-marks" in page.locator("#review").get_attribute("class")


def test_answers_survive_a_broken_line_and_a_closed_page(browser: Browser) -> None:
    page = browser.open("review_queue")
    page.wait_for_selector("#item .review-text")
    page.route("**/review/answer/", lambda route: route.abort())
    for _ in range(3):
        page.keyboard.press("1")
    page.wait_for_selector("#saving.waiting")
    assert "kept in this browser" in page.locator("#saving").inner_text()
    assert Review.objects.count() == 0
    context = page.context
    page.close()
    browser.page = context.new_page()
    page = browser.open("review_queue")
    page.wait_for_selector("#item .review-text")
    settled(page)
    assert Review.objects.count() == 3
    assert Item.objects.filter(state="reviewed").count() == 3


def test_a_refused_answer_comes_back_with_its_note(browser: Browser, waiting: Version) -> None:
    page = browser.open("review_queue")
    page.wait_for_selector("#item .review-text")
    shown = int(page.locator("#review").get_attribute("data-shown"))
    answer = f"**{reverse('review_answer')}"
    page.route(answer, lambda route: route.fulfill(status=409, json={"detail": "The class “x” does not exist."}))
    page.keyboard.press("e")
    page.keyboard.type("why")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.wait_for_selector("#told:not(.d-none)")
    assert "does not exist" in page.locator("#told").inner_text()
    assert int(page.locator("#review").get_attribute("data-shown")) == shown
    assert page.locator("#note").input_value() == "why"
