"""Second opinions never show before the person's own answer, hold their budget, and survive any endpoint."""

from __future__ import annotations

import datetime
import io
import json
import threading
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import pytest
from benchmarks.hostile_replies import CHAT, V2, VICTIM, hostile, packet
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from limbeck.studio.opinions import second, words
from limbeck.studio.opinions.models import Opinion, Spending, WordList
from limbeck.studio.registry.facts import Version
from limbeck.studio.review.models import Item, Review
from limbeck.studio.roles import Ability
from studio.review_items import CLASSES, MODEL, answered, stored
from studio.test_api import token_of

pytestmark = pytest.mark.django_db
REPLIES = {**V2, **CHAT}


@pytest.fixture
def endpoint(settings: Any) -> Iterator[list[bytes]]:
    """An endpoint that says "good" to everything; yields the bodies of its requests."""
    with hostile(b"") as (address, seen):
        point_to(settings, address)
        yield seen


def point_to(settings: Any, address: str, **more: Any) -> None:
    """Set the endpoint."""
    values = {"second_opinion_url": f"{address}/v1", "second_opinion_model": "qwen", **more}
    settings.CONFIG = settings.CONFIG.model_copy(update=values)


def texts(client: Client, item: Item) -> list[str]:
    """Return what every way to an item's opinions shows, by pages and the API."""
    bearer = {"Authorization": f"Bearer {token_of(client.person, Ability.REVIEW)}"}
    page = client.get(reverse("opinion", args=[item.pk])).content.decode()
    return [page, Client().get(f"/api/v1/items/{item.pk}/opinions", headers=bearer).content.decode()]


def signed_in(person: User) -> Client:
    """Return a browser of a person."""
    client = Client()
    client.force_login(person)
    client.person = person
    return client


def test_it_never_shows_before_the_person_s_own_answer(endpoint: list[bytes], people: dict[str, User]) -> None:
    (item,) = stored(1, double=1.0)
    first, next_one = signed_in(people["reviewer"]), signed_in(people["administrator"])
    with pytest.raises(LimbeckError, match="Answer the item first"):
        second.ask(item, by=people["reviewer"])
    assert first.post(reverse("opinion", args=[item.pk])).status_code == 200
    assert not endpoint and not Opinion.objects.exists()
    answered(item, people["reviewer"], skipped=True)  # who skipped may still answer
    assert not second.may_see(item, people["reviewer"])
    answered(item, people["reviewer"], "bad")
    page = first.post(reverse("opinion", args=[item.pk])).content.decode()
    assert "<strong>good</strong>" in page and len(endpoint) == 1
    assert all("good" in text for text in texts(first, item))
    # The second of two blind reviewers, an administrator even, sees nothing of it.
    assert not [text for text in texts(next_one, item) if "qwen" in text or "good" in text]
    answered(Item.objects.get(pk=item.pk), people["administrator"], "bad")
    assert all("qwen" in text for text in texts(next_one, item))
    one = Opinion.objects.get()
    assert (one.source, one.author, one.label, one.asked_by) == ("llm", "qwen", "good", people["reviewer"])
    assert one.version == second.prompt_hash(CLASSES)
    assert not Review.objects.filter(source="llm").exists()
    item.refresh_from_db()
    assert item.final_label == "bad"  # it decides nothing
    asked = json.loads(endpoint[0])
    assert asked["model"] == "qwen" and item.content in asked["messages"][0]["content"] and len(endpoint) == 1


def test_an_undone_answer_hides_it_again(endpoint: list[bytes], people: dict[str, User]) -> None:
    (item,) = stored(1)
    kept = answered(item, people["reviewer"])
    second.ask(item, by=people["reviewer"])
    Review.objects.filter(pk=kept.review.pk).update(undone_at=timezone.now())
    assert second.shown_to(item, people["reviewer"]) == []


def test_the_budget_of_a_day_is_held(endpoint: list[bytes], people: dict[str, User], settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"second_opinion_daily": 2})
    items = stored(3)
    for item in items:
        answered(item, people["reviewer"])
    for item in items[:2]:
        second.ask(item, by=people["reviewer"])
    with pytest.raises(LimbeckError, match="budget"):
        second.ask(items[2], by=people["reviewer"])
    assert len(endpoint) == 2 and second.left_today() == 0
    second.ask(items[0], by=people["reviewer"])  # an opinion is asked for once
    assert len(endpoint) == 2
    Spending.objects.update(day=timezone.now().date() - datetime.timedelta(days=1))
    assert second.ask(items[2], by=people["reviewer"]).label == "good"


@pytest.mark.django_db(transaction=True)
def test_threads_hold_the_budget(endpoint: list[bytes], people: dict[str, User], settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"second_opinion_daily": 3})
    items = stored(8)
    for item in items:
        answered(item, people["reviewer"])
    Spending.objects.create(day=timezone.now().astimezone(datetime.UTC).date())

    def ask(item: Item) -> None:
        try:
            second.ask(item, by=people["reviewer"])
        except LimbeckError:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(endpoint) == 3 == Opinion.objects.filter(state="answered").count()


@pytest.mark.parametrize("kind", REPLIES)
def test_a_hostile_reply_is_one_clear_line(
    kind: str, people: dict[str, User], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = any(word in kind for word in ("drip", "silence", "100 Continue"))
    monkeypatch.setattr(second, "SECONDS", 0.3 if endless else 15.0)
    victim, other = stored(2)
    Item.objects.filter(pk=victim.pk).update(content=VICTIM)
    victim.refresh_from_db()
    for item in (victim, other):
        answered(item, people["reviewer"])
    with hostile(REPLIES[kind]) as (address, seen):
        point_to(settings, address)
        client = signed_in(people["reviewer"])
        page = client.post(reverse("opinion", args=[victim.pk]))
        text = page.content.decode()
        assert page.status_code == 200 and "\x1b" not in text and len(text) < 4000
        one = Opinion.objects.get(item=victim)
        if one.state == "answered":
            assert one.label in CLASSES
        else:
            assert one.state == "failed" and one.label == "" and 'role="alert"' in text
            assert len(one.facts["reason"].splitlines()) == 1 and one.facts["reason"].isprintable()
        assert len(seen) <= 1 and Spending.objects.get().asked == 1
        assert second.ask(other, by=people["reviewer"]).label == "good"


def test_a_failed_one_can_be_asked_again(people: dict[str, User], settings: Any) -> None:
    (item,) = stored(1)
    Item.objects.filter(pk=item.pk).update(content=VICTIM)
    item.refresh_from_db()
    answered(item, people["reviewer"])
    with hostile(packet(b'{"choices": [{"message": {"content": "good or bad?"}}]}')) as (address, _seen):
        point_to(settings, address)
        with pytest.raises(LimbeckError, match="no single class"):
            second.ask(item, by=people["reviewer"])
    with hostile(packet(b'{"choices": [{"message": {"content": "Bad."}}]}')) as (address, _seen):
        point_to(settings, address)
        assert second.ask(item, by=people["reviewer"]).label == "bad"


def test_after_people_answered_it_is_asked_by_itself(
    endpoint: list[bytes], people: dict[str, User], settings: Any
) -> None:
    done, _waiting = stored(2)
    answered(done, people["reviewer"])
    assert second.ask_after_people() == 0  # not switched on
    settings.CONFIG = settings.CONFIG.model_copy(update={"second_opinion_after": True})
    assert second.ask_after_people() == 1
    assert second.ask_after_people() == 0
    assert Opinion.objects.get().item == done


def test_the_key_is_sent_and_shown_nowhere(
    people: dict[str, User], settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from pydantic import SecretStr

    (tmp_path / "key").write_text("sk-secret-9\n")
    monkeypatch.setenv("LIMBECK_SECOND_OPINION_KEY_FILE", str(tmp_path / "key"))
    (item,) = stored(1)
    Item.objects.filter(pk=item.pk).update(content=VICTIM)
    answered(item, people["reviewer"])
    with hostile(packet(b"sk-secret-9 is wrong", status="401 Unauthorized")) as (address, _seen):
        point_to(settings, address, second_opinion_key=SecretStr("sk-secret-9"))
        page = signed_in(people["reviewer"]).post(reverse("opinion", args=[item.pk])).content.decode()
    assert "401" in page and "sk-secret-9" not in page
    assert "sk-secret-9" not in json.dumps(Opinion.objects.get().facts)


WORDS = [("加微信", "bad", "广告"), ("a.b", "bad", ""), ("C++ (free)", "bad", ""), ("很好", "good", "")]


def test_a_list_is_a_rule() -> None:
    texts = ["请加微信", "aXb", "A.B 好", "c++ (FREE)!", "很好很好", "很好，加微信", ""]
    assert words.answered(WORDS, CLASSES, texts) == ["bad", "", "bad", "bad", "good", "bad", ""]
    assert words.words_in(WORDS, "很好，加微信") == ["加微信", "很好"]
    many = [(f"词{number}(", "bad" if number % 2 else "good", "") for number in range(5000)]
    assert words.answered(many, CLASSES, ["有词4999(的文本", "词 5000"]) == ["bad", ""]
    listed = WordList(name='"名', entries=WORDS)
    part = tomllib.loads(words.recipe_part(listed))["teachers"][0]
    assert part == {"name": '"名', "source": words.source_of(WORDS)}


def workbook(rows: list[tuple[str, ...]], header: tuple[str, ...] = ("word", "class", "note")) -> SimpleUploadedFile:
    """Make an Excel file."""
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    held = io.BytesIO()
    book.save(held)
    return SimpleUploadedFile("w.xlsx", held.getvalue())


@pytest.mark.django_db(transaction=True)
def test_a_list_from_excel_speaks_of_items(
    model: Version, people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    client = sign_in("administrator")
    good, bad = model.manifest.classes[1], model.manifest.classes[0]
    given = {"name": "敏感词", "model": "reviews"}
    for rows, header, told in (
        ([("x", "nothing")], ("word", "class"), "does not exist"),
        ([("x", good)], ("a", "b"), "needs the columns"),
        ([("x" * 101, good)], ("word", "class"), "at most 100 characters"),
    ):
        page = client.post(reverse("word_lists"), {**given, "file": workbook(rows, header)})
        assert page.status_code == 422 and told in page.content.decode()
    listed = workbook([("加微信", bad, "广告"), ("很好", good, "")])
    assert client.post(reverse("word_lists"), {**given, "file": listed}).status_code == 302
    kept = WordList.objects.get()
    page = client.post(reverse("word_list", args=[kept.pk]), {"text": "快加微信"}).content.decode()
    assert f"<strong>{bad}</strong>" in page
    for number, text in enumerate(["快加微信", "不错", "很好"]):
        Item.objects.create(key=str(number), kind="text", content=text, model="reviews", digest=str(number))
    for _time in range(2):  # done again it changes nothing
        client.post(reverse("word_list_apply", args=[kept.pk]))
        Worker().run(until_empty=True)
        assert Job.objects.latest("pk").result == {"rows": 2}
    assert list(Opinion.objects.values_list("item__content", "label")) == [("快加微信", bad), ("很好", good)]
    client.post(reverse("word_lists"), {**given, "file": workbook([("不错", good)], ("word", "class"))})
    client.post(reverse("word_list_apply", args=[kept.pk]))
    Worker().run(until_empty=True)
    assert list(Opinion.objects.values_list("item__content", flat=True)) == ["不错"]
    sent = client.get(reverse("word_list_template", args=["reviews"]))
    book = openpyxl.load_workbook(io.BytesIO(sent.content))
    assert [cell.value for cell in book.worksheets[0][1]] == ["word", "class", "note"]


def test_items_of_review_know_no_opinion(people: dict[str, User]) -> None:
    """Pages of review read reviews; an opinion is none."""
    (item,) = stored(1)
    assert item.model == MODEL
    Opinion.objects.create(item=item, source="llm", author="qwen", version="v", label="good")
    assert item.reviews.count() == 0
