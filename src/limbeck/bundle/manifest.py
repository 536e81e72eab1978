"""``bundle.json``: what a bundle is, checked on every load."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limbeck.errors import LimbeckError
from limbeck.files import read_regular, sha256, write_json
from limbeck.metrics.fitted.conformal import LEVELS, Fitted
from limbeck.recipe import Attacks, Input, Task

FORMAT = 5  # 2 adds reference.json, 3 what recalibration writes, 4 detectors, 5 several labels; all are read as ever
# What bundles that need no more are written as, so that earlier versions read them.
OF_CLASSIFIERS, OF_DETECTORS = 3, 4
FILE = "bundle.json"
CLASSIFIER = "classifier"  # folder of the classifier behind a detector
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


class Sets(BaseModel):
    """Thresholds of prediction sets; see `limbeck.metrics.fitted.conformal`.

    ``thresholds`` has one for each of the rising ``levels`` of coverage for each class, ``rows`` how many calibration
    rows each class had, ``pooled`` the classes that share a threshold because they had few; ``source`` is where the
    rows are from: "valid", "left out" or "recalibration".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: Literal["lac", "aps"]
    levels: list[Annotated[float, Field(gt=0, lt=1)]] = Field(min_length=1, max_length=1000)
    thresholds: dict[str, list[float]]
    rows: dict[str, float]
    pooled: list[str] = []
    source: Literal["valid", "left out", "recalibration"]

    @classmethod
    def of(cls, fitted: Fitted | None, classes: Sequence[str], source: str) -> Sets | None:
        """Return thresholds as the manifest holds them; None for None."""
        if fitted is None:
            return None
        facts = {
            "score": fitted.score,
            "levels": list(LEVELS),
            "thresholds": {
                name: [float(f"{cut:.9g}") for cut in row] for name, row in zip(classes, fitted.thresholds, strict=True)
            },
            "rows": {name: float(f"{n:.6g}") for name, n in zip(classes, fitted.rows, strict=True)},
            "pooled": [name for name, shared in zip(classes, fitted.pooled, strict=True) if shared],
            "source": source,
        }
        return cls.model_validate(facts)

    def at(self, coverage: float, classes: Sequence[str]) -> list[float]:
        """Return the threshold of each class for the smallest level that is at least ``coverage``."""
        place = next(at for at, level in enumerate(self.levels) if level >= coverage - 1e-9)
        return [self.thresholds[name][place] for name in classes]


class Second(BaseModel):
    """The classifier of a detector's boxes: the hash of its ``bundle.json``, and by how much boxes are widened."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    margin: float = Field(ge=0, le=4)


class Detection(BaseModel):
    """How a detector's graph is fed and its boxes are chosen.

    Attributes
    ----------
    fill
        The grey beside the picture in the letterbox, whose sides are ``input.letterbox``.
    top
        Boxes that the graph gives for a picture.
    thresholds
        Class -> the smallest score that counts, chosen on valid.
    overlap
        Of two boxes of a class whose IoU is larger than this, the one with the lower score is left out.
    second
        The classifier in the folder ``classifier`` that tells what is in each box; None where there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fill: int = Field(ge=0, le=255)
    top: int = Field(ge=1)
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]]
    overlap: float = Field(gt=0, le=1)
    second: Second | None = None


class MultiLabel(BaseModel):
    """How several labels a row are given.

    Attributes
    ----------
    thresholds
        Label -> the smallest probability that gives it, chosen by F1 on rows that were not learned.
    slopes, shifts
        Label -> its calibration, ``sigmoid(slope * logit + shift)``; already inside the graph, kept here for the
        reader.
    settled_on
        Where the rows are from: "valid", or "left out" of train and valid in turn.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]]
    slopes: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    shifts: dict[str, Annotated[float, Field(allow_inf_nan=False)]]
    settled_on: Literal["valid", "left out"]


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
    sets
        Thresholds of prediction sets; None where there were too few rows to find them.
    detection
        How boxes are found; None of a classifier, which has two classes or more.
    multilabel
        How several labels a row are given; None where a row has one.
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
    classes: list[str] = Field(min_length=1)
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
    sets: Sets | None = None
    detection: Detection | None = None
    multilabel: MultiLabel | None = None
    versions: dict[str, str] = {}
    files: dict[str, str]


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> Manifest:
    """Hash every file of a finished folder and write its manifest, last."""
    hashes = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.is_file() and file.name != FILE}
    later = {"detection": OF_DETECTORS, "multilabel": FORMAT}
    needed = max([OF_CLASSIFIERS, *(form for key, form in later.items() if facts.get(key) is not None)])
    manifest = Manifest(format=needed, files=hashes, **facts)
    unset = {key for key in later if facts.get(key) is None}
    write_json(folder / FILE, manifest.model_dump(mode="json", exclude=unset))
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


def parts_of(folder: Path, manifest: Manifest) -> list[str]:
    """Return all files of a verified bundle by their paths in it: those of a classifier behind a detector too."""
    parts = [*manifest.files, FILE]
    if manifest.detection is not None and manifest.detection.second is not None:
        inner = read_manifest(folder / CLASSIFIER)
        parts += [f"{CLASSIFIER}/{name}" for name in (*inner.files, FILE)]
    return parts


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
    boxes = manifest.detection
    if len(manifest.classes) < 2 if boxes is None else set(boxes.thresholds) != set(manifest.classes):
        raise LimbeckError("damaged: classes do not fit what the bundle finds", where=folder / FILE, fix=again)
    several = manifest.multilabel
    if several is not None and any(
        set(one) != set(manifest.classes) for one in (several.thresholds, several.slopes, several.shifts)
    ):
        raise LimbeckError("damaged: multilabel does not fit the classes", where=folder / FILE, fix=again)
    if len(manifest.offset) not in (0, len(manifest.classes)):
        raise LimbeckError("damaged: offset does not fit the classes", where=folder / FILE, fix=again)
    attacks = manifest.attacks
    if attacks is not None and (len(manifest.classes) != 2 or attacks.bona_fide not in manifest.classes):
        raise LimbeckError("damaged: attacks does not fit the classes", where=folder / FILE, fix=again)
    if manifest.positive >= len(manifest.classes) or set(manifest.labels) != set(manifest.classes):
        raise LimbeckError("damaged: classes, labels and positive do not fit", where=folder / FILE, fix=again)
    sets = manifest.sets
    if sets is not None and (
        set(sets.thresholds) != set(manifest.classes)
        or any(len(cuts) != len(sets.levels) for cuts in sets.thresholds.values())
    ):
        raise LimbeckError("damaged: sets does not fit the classes", where=folder / FILE, fix=again)
