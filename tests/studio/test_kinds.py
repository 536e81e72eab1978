"""Pictures in the studio: one with its explanation, and many as a batch."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

import limbeck
from limbeck import registry
from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from pictures import class_folders, square, tiny

pytestmark = pytest.mark.django_db(transaction=True)


def picture(colour: str, seed: int) -> SimpleUploadedFile:
    """A small picture."""
    out = io.BytesIO()
    square(colour, seed).save(out, "PNG")
    return SimpleUploadedFile(f"{colour}-{seed}.png", out.getvalue())


def test_pictures(tmp_path: Path, own_registry: Path, sign_in: Callable[[str], Client]) -> None:
    rows = class_folders(tmp_path / "rows")
    registry.add(limbeck.train(tiny(), data=rows, out=tmp_path / "colours").bundle, "colours")
    client = sign_in("operator")
    assert "dropzone" in client.get(reverse("detect")).content.decode()
    response = client.post(reverse("detect"), {"model": "colours", "picture": picture("red", 900)})
    one = Prediction.objects.get()
    assert response["Location"] == reverse("prediction", args=[one.pk])
    assert reverse("prediction_picture", args=[one.pk]) in client.get(response["Location"]).content.decode()
    shown = client.get(reverse("prediction_picture", args=[one.pk]))
    assert shown["Content-Type"] == "image/png" and shown["Content-Security-Policy"].startswith("sandbox")
    given = [picture("red", 901), picture("blue", 902), SimpleUploadedFile("bad.png", b"no picture")]
    client.post(reverse("batch"), {"model": "colours", "files": given})
    Worker().run(until_empty=True)
    job = Job.objects.get()
    assert (job.state, job.result["rows"], job.result["rejected"]) == ("finished", 2, 1), job.reason
    assert client.get(reverse("job", args=[job.pk])).status_code == 200
    assert client.get(reverse("predictions")).status_code == 200
