"""An uploaded picture: looked at before anything decodes it, kept under the hash of its bytes."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError

from limbeck.errors import LimbeckError
from limbeck.files import whole_file

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "BMP": "image/bmp", "GIF": "image/gif"}
MOST_PIXELS = 50_000_000
LARGEST = 50 * 2**20  # bytes
_HEAD = 1024
# Beginnings that make a browser or another program read a file as something else than a picture.
_OTHERS = (b"%pdf-", b"<!doctype", b"<html", b"<script", b"<?xml", b"<svg", b"<?php", b"#!/")


def keep_picture(given: UploadedFile) -> Path:
    """Check an uploaded picture, keep it, and return its path.

    Raises
    ------
    LimbeckError
        For what is no picture, is too large, or is a picture and something else at once.
    """
    if given.size > LARGEST:
        raise LimbeckError(_("The picture is larger than %(size)d MB.") % {"size": LARGEST // 2**20})
    form = checked_format(given)
    given.seek(0)
    digest = hashlib.sha256()
    for block in given.chunks():
        digest.update(block)
    name = digest.hexdigest()
    target = Path(settings.HOME) / "uploads" / "pictures" / name[:2] / f"{name}.{form.lower()}"
    if target.exists():
        os.utime(target)  # retention leaves it alone until its row is stored
    else:
        given.seek(0)
        with whole_file(target) as part, part.open("xb") as file:
            for block in given.chunks():
                file.write(block)
    return target


def checked_format(given: UploadedFile) -> str:
    """Return the format of a picture by its content, without decoding its pixels.

    Raises
    ------
    LimbeckError
        As `keep_picture`.
    """
    given.seek(0)
    head = given.read(_HEAD).lower()
    given.seek(0)
    if any(mark in head for mark in _OTHERS) or zipfile.is_zipfile(given):
        raise LimbeckError(_("The file is more than a picture. Save the picture anew and try again."))
    given.seek(0)
    try:
        with Image.open(given, formats=tuple(FORMATS)) as image:
            width, height, form = *image.size, str(image.format)
    except Image.DecompressionBombError as error:
        raise _too_many() from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise LimbeckError(_("This is no picture. Use JPEG, PNG, WebP, BMP or GIF.")) from error
    if width * height > MOST_PIXELS:
        raise _too_many()
    return form


def content_type(path: Path) -> str:
    """Return the content type of a kept picture."""
    return FORMATS.get(path.suffix[1:].upper(), "application/octet-stream")


def _too_many() -> LimbeckError:
    return LimbeckError(_("The picture has more than %(count)d million pixels.") % {"count": MOST_PIXELS // 10**6})
