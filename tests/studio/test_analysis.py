"""The analysis page: counts by day that no deletion changes, the accuracy of the audit, and every chart as a file."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.analysis import figures
from limbeck.studio.analysis.charts import draw, number
from limbeck.studio.analysis.figures import Period
from limbeck.studio.analysis.models import Daily
from limbeck.studio.analysis.roll_up import roll_up
from limbeck.studio.detection.models import Prediction
from limbeck.studio.registry.facts import Version
from limbeck.studio.review.models import Item
from studio.review_items import MODEL, answered, stored

pytestmark = pytest.mark.django_db


def answers(count: int, label: str = "good", *, days: float = 1.0, probability: float = 0.9, name: str = "m") -> None:
    """Store answers that are so many days old."""
    at = timezone.now() - datetime.timedelta(days=days)
    Prediction.objects.bulk_create(
        Prediction(
            model=name, version="v", kind="text", content="c", label=label, probability=probability, margin=0.1,
            threshold=0.5, created_at=at,
        )
        for _ in range(count)
    )  # fmt: skip


def test_each_answer_is_counted_once_and_its_count_outlives_it() -> None:
    answers(3)
    answers(2, "bad", days=2, probability=1.0)
    assert (roll_up(), roll_up()) == (5, 0)
    answers(4, "bad")
    young = 2
    answers(young, days=0)
    found = figures.answers(Period(7))
    today = timezone.localdate()
    day = datetime.timedelta(days=1)
    assert found.classes == {
        (today - day, "good"): 3, (today - 2 * day, "bad"): 2, (today - day, "bad"): 4, (today, "good"): young,
    }  # fmt: skip
    assert (found.bins[18], found.bins[19], found.total) == (9, 2, 11)
    assert roll_up() == 4  # the young ones wait until no transaction can write before them
    Prediction.objects.filter(created_at__lt=timezone.now() - day / 2).delete()
    assert figures.answers(Period(7)) == found
    assert sum(Daily.objects.values_list("count", flat=True)) == 9


def test_a_model_and_a_period_are_looked_at_alone() -> None:
    answers(3, name="one")
    answers(5, name="other", days=40)
    roll_up()
    answers(2, name="other")
    assert figures.answers(Period(7, "one")).total == 3
    assert figures.answers(Period(90, "other")).total == 7
    by_model = figures.answers(Period(90, "one")).models
    assert sum(count for (_day, name), count in by_model.items() if name == "other") == 7


def test_the_page_asks_the_database_as_often_for_many_answers_as_for_few(
    sign_in: Callable[[str], Client], people: dict[str, User]
) -> None:
    client = sign_in("administrator")
    for one in stored(4, audit=1.0):
        answered(one, people["reviewer"])
    address = f"{reverse('analysis')}?model={MODEL}&days=30"
    answers(1, name=MODEL)
    client.get(address)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = client.get(address)
        counts.append(len(queries))
        answers(300, "bad", name=MODEL, days=3)
        roll_up()
        answers(300, "bad", name=MODEL, days=3)
        for one in stored(40, audit=1.0)[4:]:
            answered(one, people["operator"])
    assert counts[0] == counts[1] <= 25
    assert page.context["audited"].rows == 40


def test_people_see_themselves_and_administrators_everybody(
    sign_in: Callable[[str], Client], people: dict[str, User]
) -> None:
    rows = stored(6)
    for one in rows[:4]:
        answered(one, people["reviewer"], seconds=2.0)
    for one in rows[4:]:
        answered(one, people["operator"], seconds=4.0)

    def legend(role: str) -> dict[str, list[str]]:
        return {one.key: one.legend for one in sign_in(role).get(reverse("analysis")).context["charts"]}

    assert set(legend("administrator")["reviewed"]) == {"Reviewer", "Operator"}
    assert legend("reviewer")["reviewed"] == ["Reviewer"]
    assert "reviewed" not in legend("viewer")
    assert sign_in("viewer").get(reverse("analysis_table", args=["reviewed"])).status_code == 404
    found = figures.throughput(Period(7))
    assert found.seconds == {"Reviewer": 2.0, "Operator": 4.0}
    assert sum(found.counts.values()) == 6


def test_every_chart_has_a_table_and_a_file_with_the_same_numbers(
    sign_in: Callable[[str], Client], people: dict[str, User]
) -> None:
    client = sign_in("administrator")
    for one in stored(10, audit=1.0):
        answered(one, people["reviewer"], "bad" if one.pk % 2 else "good", seconds=1.0)
    answers(7, "=cmd|1", name=MODEL)
    asked = {"model": MODEL, "days": "7"}
    page = client.get(reverse("analysis"), asked)
    shown = page.context["charts"]
    assert {one.key for one in shown} == {
        "classes", "shares", "sources", "models", "confidence", "reviewed", "pace", "confusion", "reliability",
    }  # fmt: skip
    for chart in shown:
        assert chart.drawing.bars, chart.key
        body = client.get(reverse("analysis_table", args=[chart.key]), asked).content.decode("utf-8-sig")
        table = list(csv.reader(io.StringIO(body)))
        assert len(table) == len(chart.rows) + 1
        assert all(len(row) == len(chart.columns) for row in table)
    body = client.get(reverse("analysis_table", args=["classes"]), asked).content.decode("utf-8-sig")
    assert "'=cmd|1" in body.splitlines()[0] and body.splitlines()[-2].endswith(",7")
    assert client.get(reverse("analysis_table", args=["nothing"])).status_code == 404


def test_a_class_with_many_others_is_added_up(sign_in: Callable[[str], Client]) -> None:
    for at in range(12):
        answers(20 - at, f"class {at}")
    chart = sign_in("viewer").get(reverse("analysis"), {"days": "7"}).context["charts"][0]
    assert len(chart.legend) == 8
    assert sum(chart.rows[-2][1:]) == sum(20 - at for at in range(12))


def test_the_audit_says_how_answers_and_labels_agree(model: Version, people: dict[str, User]) -> None:
    rows = stored(8, audit=1.0)
    for at, one in enumerate(rows):
        Item.objects.filter(pk=one.pk).update(label="good", probability=0.95)
        answered(one, people["reviewer"], "good" if at < 6 else "bad")
    found = figures.against_people(MODEL)
    assert found.confusion == {("good", "good"): 6, ("good", "bad"): 2}
    assert found.reliability[9] == (8, 6)


def test_bars_add_up_to_the_height_of_their_sum() -> None:
    drawing = draw(["a", "b"], [[10, 30], [0, 0]], ["x", "y"], number)
    assert [round(bar.height / drawing.bars[0].height, 3) for bar in drawing.bars] == [1.0, 3.0]
    assert drawing.bars[0].y > drawing.bars[1].y
    assert [text for _y, text in drawing.ticks] == ["0", "10", "20", "30", "40"]
    assert draw(["a"], [[0]], [], number).bars == []
