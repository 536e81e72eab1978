"""Bundles uploaded into the registry: verified ones come in, hostile archives do not."""

from __future__ import annotations

import contextlib
import io
import random
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from limbeck import registry
from limbeck.errors import LimbeckError
from limbeck.studio.audit.models import Entry
from limbeck.studio.registry.archive import unpack
from limbeck.studio.registry.facts import Version, all_versions, published

pytestmark = pytest.mark.django_db
MEGABYTE = 2**20


def packed(folder: Path, around: str = "") -> bytes:
    """A bundle's folder as a zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{around}{file.name}")
    return out.getvalue()


def upload(client: Client, content: bytes, name: str = "hotel") -> object:
    """Send a bundle."""
    return client.post(reverse("models"), {"name": name, "archive": SimpleUploadedFile("b.zip", content)})


@pytest.mark.parametrize("around", ["", "bundle/"])
def test_a_bundle_comes_in_and_can_be_asked(
    sign_in: Callable[[str], Client], bundles: Callable[[str], Path], own_registry: Path, around: str
) -> None:
    admin = sign_in("administrator")
    response = upload(admin, packed(bundles("ngram"), around))
    assert response["Location"] == reverse("model", args=["hotel"])
    assert [one.name for one in published()] == ["hotel"]
    page = admin.get(reverse("model", args=["hotel"])).content.decode()
    assert "Accuracy" in page and "Published" in page
    assert Entry.objects.get(action="model.add").target.startswith("model:hotel@")
    report = admin.get(reverse("model_report", args=["hotel", published()[0].version]))
    assert report["Content-Security-Policy"].startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in report["Content-Security-Policy"]


def test_versions_are_published_rolled_back_and_removed(
    sign_in: Callable[[str], Client], bundles: Callable[[str], Path], own_registry: Path
) -> None:
    admin = sign_in("administrator")
    upload(admin, packed(bundles("ngram")))
    upload(admin, packed(bundles("textcnn")))
    second, first = sorted(all_versions("hotel"), key=lambda one: one.published)
    address = reverse("model_publish", args=["hotel", second.version])
    told = admin.post(address, {"reason": " "}, follow=True).content.decode()
    assert "Say why" in told and published()[0].version == first.version
    admin.post(address, {"reason": "the customer\nasked for it"})
    assert published()[0].version == second.version
    assert Entry.objects.filter(action="model.publish").latest("number").details == {
        "reason": "the customer asked for it"
    }
    admin.post(reverse("model_remove", args=["hotel", second.version]))
    assert len(all_versions("hotel")) == 2  # the published one stays
    admin.post(reverse("model_roll_back", args=["hotel"]))
    assert published()[0].version == first.version
    admin.post(reverse("model_remove", args=["hotel", second.version]))
    assert [one.version for one in all_versions("hotel")] == [first.version]


def zipped(entries: dict[str, bytes], **changes: int) -> bytes:
    """A zip file with some entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = changes.get("mode", 0o100644) << 16
            archive.writestr(info, content)
    return out.getvalue()


def bomb() -> bytes:
    """60 MB of zeros in 60 kB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bundle.json", "w") as file:
        for _ in range(60):
            file.write(bytes(MEGABYTE))
    return out.getvalue()


def lying() -> bytes:
    """A file that is longer than the archive says."""
    content = zipped({"bundle.json": bytes(5000)})
    at = content.index(b"PK\x01\x02") + 24
    return content[:at] + (10).to_bytes(4, "little") + content[at + 4 :]


HOSTILE = {
    "bomb": bomb,
    "lying": lying,
    "no zip": lambda: b"\x80\x04\x95pickle.",
    "empty": lambda: zipped({}),
    "parent": lambda: zipped({"../bundle.json": b"{}"}),
    "deep": lambda: zipped({"a/b/bundle.json": b"{}"}),
    "absolute": lambda: zipped({"/etc/bundle.json": b"{}"}),
    "backslash": lambda: zipped({"..\\bundle.json": b"{}"}),
    "link": lambda: zipped({"bundle.json": b"/etc/passwd"}, mode=0o120777),
    "device": lambda: zipped({"bundle.json": b""}, mode=0o020666),
    "many": lambda: zipped({f"f{at}": b"" for at in range(500)} | {"bundle.json": b"{}"}),
    "no bundle": lambda: zipped({"readme.txt": b"hello"}),
    "bad manifest": lambda: zipped({"bundle.json": b"[" * 100_000}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_quickly(sign_in: Callable[[str], Client], own_registry: Path, name: str) -> None:
    content, admin = HOSTILE[name](), sign_in("administrator")
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    page = upload(admin, content)
    assert time.process_time() - began < 2  # whatever else the machine does
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert "invalid-feedback" in page.content.decode()
    assert not registry.models()


def test_a_pickle_named_onnx_is_refused(sign_in: Callable[[str], Client], own_bundle: Path, own_registry: Path) -> None:
    (own_bundle / "model.onnx").write_bytes(b"\x80\x04\x95cposix\nsystem\n(S'true'\ntR.")
    page = upload(sign_in("administrator"), packed(own_bundle))
    assert "invalid-feedback" in page.content.decode()
    assert str(own_registry) not in page.content.decode()  # no paths of this machine
    assert not registry.models()


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("bundle.json", "{}")
        archive.writestr("bundle.json", "[]")
    with pytest.raises(LimbeckError):
        unpack(io.BytesIO(out.getvalue()), tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("on_disk", [False, True], ids=["in memory", "on disk"])
def test_a_damaged_archive_is_refused_or_comes_out_as_it_was(tmp_path: Path, method: int, on_disk: bool) -> None:
    chance, out = random.Random(0), io.BytesIO()
    content = {"bundle.json": b"{}" * 300, "model.onnx": chance.randbytes(200)}
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    for at in range(400):
        damaged = bytearray(out.getvalue())[chance.choice((0, 0, 0, chance.randrange(60))) :]
        for _ in range(chance.randrange(4)):
            damaged[chance.randrange(len(damaged))] = chance.choice((0, 1, 255, chance.randrange(256)))
        file, folder = tmp_path / "archive.zip", tmp_path / str(at)
        file.write_bytes(damaged)
        folder.mkdir()
        with contextlib.suppress(LimbeckError), file.open("rb") if on_disk else io.BytesIO(damaged) as given:
            found = {one.name: one.read_bytes() for one in unpack(given, folder).iterdir()}
            assert set(found.values()) <= set(content.values())


def test_a_full_disk_is_no_damaged_archive(tmp_path: Path, own_bundle: Path) -> None:
    with pytest.raises(FileNotFoundError):
        unpack(io.BytesIO(packed(own_bundle)), tmp_path / "nothing")


def test_who_reads_cannot_upload(sign_in: Callable[[str], Client], own_registry: Path) -> None:
    assert upload(sign_in("viewer"), zipped({})).status_code == 404


def test_other_pages_survive_a_damaged_model(
    sign_in: Callable[[str], Client], model: Version, own_registry: Path
) -> None:
    (own_registry / "broken" / "0123456789abcdef").mkdir(parents=True)
    (own_registry / "broken" / "current.json").write_text("{")
    assert published() == []
    assert sign_in("viewer").get(reverse("models")).status_code == 200
    assert sign_in("operator").get(reverse("detect")).status_code == 200
