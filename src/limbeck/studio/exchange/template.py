"""A workbook to fill in: the columns that a model reads, one for a class, and a sheet with the classes there are."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.utils.translation import gettext as _

from limbeck.data.exchange.record import TEXT
from limbeck.data.exchange.write import workbook
from limbeck.studio.registry.facts import Version

LABEL = "label"


def template(version: Version) -> bytes:
    """Return the workbook for a model, in the language of the reader."""
    inputs = [TEXT] if version.one_text else list(version.manifest.task.inputs)
    classes = [[name] for name in version.manifest.classes]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "template.xlsx")
        workbook(path, [("rows", [*inputs, LABEL], []), (_("classes"), [LABEL], classes)])
        return path.read_bytes()
