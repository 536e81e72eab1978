"""``bundle.json``: what a bundle is, checked on every load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limbeck.errors import LimbeckError
from limbeck.files import read_regular, sha256, write_json
from limbeck.recipe import Attacks, Input, Task

FORMAT = 3  # 2 adds reference.json, 3 what recalibration writes; earlier ones are read as ever
FILE = "bundle.json"
_LARGEST = 16 * 2**20  # bytes of bundle.json; a larger one is not ours


class NewerFormatError(LimbeckError):
    """A bundle was written by a Limbeck that knows a newer format."""

    code = "newer-format"


class Recalibration(BaseModel):
    """How a bundle was recalibrated: from which other one, by how many rows of which kind, to which false alarms.

    ``parent`` is the name of that bundle, ``parent_version`` its `Classifier.version`; ``how`` is "labelled",
    "normal-only" or "class-rates".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    parent: str
    parent_version: str
    how: Literal["labelled", "normal-only", "class-rates"]
    rows: int = Field(ge=1)
    false_alarms: float | None = Field(default=None, gt=0, lt=1)
    class_rates: dict[str, float] | None = None


class Manifest(BaseModel):
    """The content of ``bundle.json``.

    Attributes
    ----------
    classes
        Names in the order of the model's probabilities.
    labels
        Class name -> the raw label that training rows carried for it.
    positive
        Index of the class that binary metrics and the threshold are about.
    threshold
        A row of two classes is positive when its positive probability is at least this.
    temperature, offset
        Fitted on valid, or by a recalibration; already inside the graph, kept here for the reader. Logits are divided
        by the temperature, then the offset of each class is added; it is empty where all are 0.
    serve
        The model file that answers.
    attacks
        Which class is bona fide and which column names the species of an attack, for a detector of attacks.
    recalibrated
        Where the bundle comes from, if `limbeck recalibrate` made it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    limbeck: str
    created: str
    name: str
    task: Task
    input: Input
    layout: str = "table"
    columns: dict[str, str] = {}
    classes: list[str] = Field(min_length=2)
    labels: dict[str, str]
    positive: int = Field(ge=0)
    network: str
    parameters: int
    arrays: list[str]
    threshold: float = Field(allow_inf_nan=False)
    temperature: float = Field(gt=0, allow_inf_nan=False)
    offset: list[float] = []
    serve: str
    attacks: Attacks | None = None
    recalibrated: Recalibration | None = None
    versions: dict[str, str] = {}
    files: dict[str, str]


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> Manifest:
    """Hash every file of a finished folder and write its manifest, last."""
    hashes = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.name != FILE}
    manifest = Manifest(format=FORMAT, files=hashes, **facts)
    write_json(folder / FILE, manifest.model_dump(mode="json"))
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read ``bundle.json`` and verify that every file is there and unchanged.

    Raises
    ------
    NewerFormatError
        When it comes from a newer version.
    LimbeckError
        When the folder is no bundle, or a file is missing, damaged or badly named.
    """
    file = folder / FILE
    again = "copy the bundle again, or export it anew"
    try:
        raw = json.loads(
            read_regular(file, _LARGEST, inside=folder).decode("utf-8"), parse_constant=_no_number, parse_float=_finite
        )
    except FileNotFoundError:
        raise LimbeckError("not a bundle: it holds no bundle.json", where=folder, fix="check the path") from None
    except OSError as error:
        raise LimbeckError(f"cannot be read ({error.strerror})", where=file, fix="check the path") from error
    except (ValueError, RecursionError) as error:
        raise LimbeckError("damaged: not valid JSON", where=file, fix=again) from error
    version = raw.get("format") if isinstance(raw, dict) else None
    if not isinstance(version, int):
        raise LimbeckError("not a bundle: it states no format", where=file, fix=again)
    if version < 1:
        raise LimbeckError(f"not a bundle: there is no format {version}", where=file, fix=again)
    if version > FORMAT:
        what = f"written by a newer Limbeck (format {version}; this one reads up to {FORMAT})"
        raise NewerFormatError(what, where=file, fix="upgrade limbeck")
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise LimbeckError(f"damaged: {key}: {first['msg']}", where=file, fix=again) from error
    _verify(folder, manifest)
    return manifest


def _finite(text: str) -> float:
    if abs(value := float(text)) == float("inf"):
        raise ValueError(text)
    return value


def _no_number(text: str) -> float:
    raise ValueError(text)  # NaN and Infinity, which JSON has not


def _verify(folder: Path, manifest: Manifest) -> None:
    again = "copy the bundle again, or export it anew"
    for name, expected in manifest.files.items():
        if name in ("", ".", "..") or any(mark in name for mark in "/\\:\0"):
            raise LimbeckError(f"names a file outside the bundle: {name!r}", where=folder / FILE, fix="do not use it")
        try:
            found = sha256(folder / name, inside=folder)
        except OSError as error:
            raise LimbeckError(f"cannot be read ({error.strerror})", where=folder / name, fix=again) from error
        if found != expected:
            size = (folder / name).stat().st_size
            what = f"damaged: its hash is not the one in bundle.json ({size:,} bytes)"
            raise LimbeckError(what, where=folder / name, fix=again)
    if manifest.serve not in manifest.files:
        raise LimbeckError(f"the model {manifest.serve!r} is not among its files", where=folder / FILE, fix=again)
    for what, names in (("class", manifest.classes), ("label", list(manifest.labels.values()))):
        if len(set(names)) < len(names) or not all(name.strip() for name in names):
            fault = f"damaged: {what} names are empty or not distinct: {names[:8]}"
            raise LimbeckError(fault, where=folder / FILE, fix=again)
    if len(manifest.offset) not in (0, len(manifest.classes)):
        raise LimbeckError("damaged: offset does not fit the classes", where=folder / FILE, fix=again)
    attacks = manifest.attacks
    if attacks is not None and (len(manifest.classes) != 2 or attacks.bona_fide not in manifest.classes):
        raise LimbeckError("damaged: attacks does not fit the classes", where=folder / FILE, fix=again)
    if manifest.positive >= len(manifest.classes) or set(manifest.labels) != set(manifest.classes):
        raise LimbeckError("damaged: classes, labels and positive do not fit", where=folder / FILE, fix=again)
