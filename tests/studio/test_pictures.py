"""Uploaded pictures: what is no picture, or more than one, is refused before it is decoded."""

from __future__ import annotations

import io
import resource
import struct
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from limbeck.errors import LimbeckError
from limbeck.studio.detection.pictures import content_type, keep_picture


def drawn(form: str = "PNG") -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", (20, 10), "teal").save(out, form)
    return out.getvalue()


def huge() -> bytes:
    """A PNG that says it has 50,000 x 50,000 pixels."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(bytes(10**6))) + part(b"IEND", b"")
    )


def and_archive() -> bytes:
    """A picture that is a zip file too."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    return drawn("JPEG") + out.getvalue()


def and_page() -> bytes:
    """A GIF whose comment is a page."""
    comment = b"!\xfe\x1a<script>alert(1)</script> \x00"
    return b"GIF89a\x01\x00\x01\x00\x00\x00\x00" + comment + b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hello", b"%PDF-1.7\n", b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", b"\x80\x04\x95pickle",
        drawn("TIFF"), drawn()[:40], huge(), and_archive(), and_page(),
    ],
    ids=["empty", "text", "pdf", "svg", "pickle", "tiff", "cut", "huge", "zip", "page"],
)  # fmt: skip
def test_refused(content: bytes) -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(LimbeckError):
        keep_picture(SimpleUploadedFile("a.png", content))
    assert time.process_time() - began < 2  # whatever else the machine does
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_kept_by_content_whatever_its_name(form: str, home: Path) -> None:
    first = keep_picture(SimpleUploadedFile("../../x.html", drawn(form), content_type="text/html"))
    assert first.read_bytes() == drawn(form)
    assert first.is_relative_to(home / "uploads" / "pictures")
    assert content_type(first).startswith("image/")
    assert keep_picture(SimpleUploadedFile("again", drawn(form))) == first
