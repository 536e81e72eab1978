"""Uploaded files: how large, how many, and under which names they are kept."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path, PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

_UNSAFE = re.compile(r"[^\w.() -]")
_LONGEST = 120  # characters of a name


def safe_name(name: str) -> str:
    """Return a name of a file with nothing but letters, digits, dots, spaces, brackets, hyphens and underscores."""
    last = PurePath(name.replace("\\", "/")).name
    kept = _UNSAFE.sub("_", unicodedata.normalize("NFC", last)).strip(" .")
    stem, suffix = PurePath(kept).stem[:_LONGEST], PurePath(kept).suffix[:12]
    return f"{stem}{suffix}" if stem else "file"


def keep(given: UploadedFile, folder: Path, name: str | None = None) -> Path:
    """Write an uploaded file into a folder, never over another one, and return its path."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = name or safe_name(given.name)
    target, count = folder / wanted, 1
    while target.exists():
        count += 1
        target = folder / f"{PurePath(wanted).stem}-{count}{PurePath(wanted).suffix}"
    with target.open("xb") as file:
        for block in given.chunks():
            file.write(block)
    return target


class SizedFileField(forms.FileField):
    """One file of at most ``LIMBECK_UPLOAD_MEGABYTES``."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Check the size."""
        file = super().clean(data, initial)
        if file is not None and getattr(file, "size", 0) > settings.CONFIG.upload_megabytes * 2**20:
            raise forms.ValidationError(
                _("The file is larger than %(size)d MB.") % {"size": settings.CONFIG.upload_megabytes}
            )
        return file


class FilesInput(forms.ClearableFileInput):
    """A control that takes several files."""

    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


class FilesField(SizedFileField):
    """One file or more, each of at most that size."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        """Check each."""
        one = super().clean
        if isinstance(data, list | tuple):
            if not data and self.required:
                raise forms.ValidationError(self.error_messages["required"], code="required")
            return [one(item, initial) for item in data]
        found = one(data, initial)
        return [found] if found else []
