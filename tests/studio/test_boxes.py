"""A model that finds boxes in the studio: they are drawn over the picture, kept, and listed, without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

import limbeck
from detect.scenes import scene
from limbeck import registry
from limbeck.studio.audit.models import Entry
from limbeck.studio.detection.models import Prediction
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.review.models import Item

pytestmark = pytest.mark.django_db


@pytest.fixture
def shapes(detector: Path, own_registry: Path) -> Version:
    """The published model ``shapes``, which finds discs and squares."""
    registry.add(detector, "shapes")
    return version_of("shapes")


def picture(image: Image.Image, name: str = "街道.png") -> SimpleUploadedFile:
    file = BytesIO()
    image.save(file, "PNG")
    return SimpleUploadedFile(name, file.getvalue(), "image/png")


def test_boxes_are_drawn_over_the_picture_kept_and_listed(
    shapes: Version, detector: Path, sign_in: Callable[[str], Client]
) -> None:
    seed = max(range(50, 70), key=lambda one: len(scene(one)[1]))
    image = scene(seed)[0].resize((320, 192))
    with limbeck.load(detector) as opened:
        wanted = opened.detect([image])[0].rows()
    assert len(wanted) >= 2
    client = sign_in("operator")
    form = client.get(reverse("detect"))
    assert "picture" in form.context["form"].fields and "Start a job" not in form.content.decode()
    page = client.post(reverse("detect"), {"model": "shapes", "picture": picture(image)}, follow=True)
    body = page.content.decode()
    found = page.context["found"]
    assert [one.label for one in found] == [one["class"] for one in wanted]
    assert [one.score for one in found] == pytest.approx([one["score"] for one in wanted], abs=1e-5)
    assert page.context["size"] == (320, 192) and 'viewBox="0 0 320 192"' in body
    first = re.search(r'<rect class="found stroke-\d" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', body)
    assert first is not None
    assert float(first[1]) == pytest.approx(wanted[0]["x0"], abs=0.06)
    assert float(first[3]) == pytest.approx(wanted[0]["x1"] - wanted[0]["x0"], abs=0.06)
    assert body.count('class="found') == len(wanted)
    assert "<script>" not in body and " style=" not in body
    kept = Prediction.objects.get()
    assert (kept.label, kept.probability) == (wanted[0]["class"], pytest.approx(wanted[0]["score"], abs=1e-5))
    assert [one["label"] for one in kept.boxes] == [one["class"] for one in wanted]
    assert Entry.objects.filter(action="detection.answer").exists()
    client.post(reverse("preferences"), {"language": "zh-hans", "theme": "dark", "next": "/"})
    assert f"{len(wanted)} 个框" in client.get(reverse("prediction", args=[kept.pk])).content.decode()


def test_an_empty_picture_and_a_broken_one_have_answers_of_their_own(
    shapes: Version, sign_in: Callable[[str], Client]
) -> None:
    client = sign_in("operator")
    black = picture(Image.new("RGB", (80, 60)))
    page = client.post(reverse("detect"), {"model": "shapes", "picture": black}, follow=True)
    assert "Nothing was found" in page.content.decode()
    assert client.get(reverse("predictions")).status_code == 200
    broken = SimpleUploadedFile("x.png", picture(Image.new("RGB", (80, 60))).read()[:60], "image/png")
    page = client.post(reverse("detect"), {"model": "shapes", "picture": broken})
    assert page.context["form"].errors
    assert Prediction.objects.count() == 1


def test_what_is_for_classes_is_refused_in_a_sentence(shapes: Version, sign_in: Callable[[str], Client]) -> None:
    client = sign_in("administrator")
    page = client.post(reverse("batch"), {"model": "shapes", "files": picture(scene(50)[0])})
    assert "one picture at a time" in str(page.context["batch"].errors)
    client.post(reverse("detect"), {"model": "shapes", "picture": picture(scene(50)[0])})
    sent = client.post(reverse("review_send_one", args=[Prediction.objects.get().pk]), follow=True)
    assert "not reviewed" in sent.content.decode() and not Item.objects.exists()
    detail = client.get(reverse("model", args=["shapes"]))
    assert detail.status_code == 200 and reverse("watch", args=["shapes"]) not in detail.content.decode()
    assert client.get(reverse("watch", args=["shapes"])).status_code in (200, 404)
    compared = client.get(reverse("compare", args=["shapes", shapes.version]))
    assert compared.status_code == 200
