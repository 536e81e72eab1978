"""The first day of a team of three, as docs/studio.md tells it; and its table of settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from limbeck.studio.accounts.models import User
from limbeck.studio.accounts.services import setup_token
from limbeck.studio.announcements.models import Announcement
from limbeck.studio.config import Config
from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from small import reviews
from studio.conftest import PASSWORD
from studio.test_registry import packed

ROOT = Path(__file__).parents[2]


def join(link: str, name: str) -> Client:
    """Register by a link."""
    client = Client()
    client.get(link)
    client.post(reverse("account_signup"), {"username": name, "password1": PASSWORD, "password2": PASSWORD})
    return client


@pytest.mark.django_db(transaction=True)
def test_the_first_day(bundles: Callable[[str], Path], own_registry: Path) -> None:
    lin = join(reverse("invitation", args=[setup_token()]), "lin")
    archive = SimpleUploadedFile("ngram.zip", packed(bundles("ngram")))
    lin.post(reverse("models"), {"name": "comments", "archive": archive})
    others = {}
    for name, role in (("wang", "operator"), ("zhao", "viewer")):
        page = lin.post(reverse("invitations"), {"role": role, "note": name})
        others[name] = join(page.context["link"].removeprefix("http://testserver"), name)
    assert dict(User.objects.values_list("username", "role")) == {
        "lin": "administrator", "wang": "operator", "zhao": "viewer",
    }  # fmt: skip
    told = {"title": "Welcome", "body": "Read **this**", "starts_at": "2026-01-01T00:00"}
    lin.post(reverse("announcement_new"), told)
    wang, zhao = others["wang"], others["zhao"]
    texts = [row["text"] for row in reviews(20)]
    wang.post(reverse("detect"), {"model": "comments", "text": texts[0]})
    rows = "\n".join(["评论", *texts]).encode()
    page = wang.post(reverse("batch"), {"model": "comments", "files": SimpleUploadedFile("week.csv", rows)})
    column = {"staged": page.context["form"].initial["staged"], "column": "评论"}
    job = wang.post(reverse("batch_column"), column)["Location"]
    Worker().run(until_empty=True)
    assert Job.objects.get().result["rows"] == len(texts)
    assert Prediction.objects.count() == len(texts) + 1
    assert wang.get(job).status_code == 200 and zhao.get(job).status_code == 403
    assert zhao.get(reverse("announcement", args=[Announcement.objects.get().pk])).status_code == 200
    assert "unchanged" in lin.post(reverse("audit_check")).content.decode()


@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_the_pages_name_every_setting(language: str) -> None:
    text = "".join((ROOT / "docs" / f"{page}{language}.md").read_text("utf-8") for page in ("studio", "sign-on"))
    documented = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    settings = {f"LIMBECK_{name.upper()}" for name in Config.model_fields} - {"LIMBECK_DATABASE_URL"} | {"DATABASE_URL"}
    assert documented == settings
