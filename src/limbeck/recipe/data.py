"""The sections on rows: what is told apart, where the rows are, and how one becomes arrays."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from limbeck.recipe.base import Section
from limbeck.recipe.signal import Signal

CLASSIFY = "classify"  # the task where ``task.kind`` names none
ANOMALY = "anomaly-"  # kinds of task that begin so learn normal rows only
DETECTED = ("normal", "anomaly")  # their classes
DETECT = "detect-"  # kinds of task that begin so find boxes
SEVERAL = "multilabel-"  # kinds of task that begin so give a row several labels, or none


class Task(Section):
    """What is to be told apart from what."""

    kind: str = Field(description="a name of `limbeck.kinds.KINDS`; of tasks but classify: anomaly- and such a name")
    input: str | list[str] = Field(
        default="text", description="of pictures and signals, the column with the path: path"
    )
    label: str = "label"
    id: str | None = None
    classes: dict[str, str] | list[str] | None = Field(default=None, description="raw label -> class name")
    positive: str | None = None
    normal: str | list[str] = Field(default=["normal", "good"], description="labels that are no anomaly (anomaly-…)")
    mask: str = Field(default="mask", description="column with the file that marks an anomaly's pixels, if it is there")
    separator: str = Field(
        default="|", min_length=1, max_length=8, description="what stands between the labels of a cell (multilabel-…)"
    )
    none: str | None = Field(
        default=None, min_length=1, description="cell of a row that has none of the labels (multilabel-…)"
    )

    @model_validator(mode="before")
    @classmethod
    def _input_of_pictures(cls, raw: Any) -> Any:
        if (
            isinstance(raw, dict)
            and str(raw.get("kind")).rpartition("-")[2] in ("image", "signal")
            and "input" not in raw
        ):
            return {**raw, "input": "path"}
        return raw

    @model_validator(mode="before")
    @classmethod
    def _classes_of_anomalies(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not str(raw.get("kind")).startswith(ANOMALY):
            return raw
        for key, own in (("classes", DETECTED), ("positive", DETECTED[1])):
            given = raw.get(key)
            if given not in (None, own, list(DETECTED), {name: name for name in DETECTED}):
                raise ValueError(f"task.{key} is fixed where anomalies are looked for: say task.normal instead")
        return {**raw, "classes": list(DETECTED), "positive": DETECTED[1]}

    @field_validator("classes")
    @classmethod
    def _of_text(cls, value: dict[str, str] | list[str] | None) -> dict[str, str] | list[str] | None:
        names = [*value, *(value.values() if isinstance(value, dict) else ())] if value else []
        if any("\ud800" <= char <= "\udfff" for name in names for char in name):
            raise ValueError("a name holds bytes that are not valid UTF-8")
        return value

    @model_validator(mode="after")
    def _labels_can_be_told(self) -> Task:
        if not self.kind.startswith(SEVERAL):
            return self
        if self.positive is not None:
            raise ValueError("task.positive is of rows with one label each: remove it")
        if not self.separator.strip():
            raise ValueError("task.separator is blank: give a mark such as '|' or ';'")
        names = [*(self.class_map or {}), *(self.class_map or {}).values(), *([self.none] if self.none else [])]
        for name in names:
            if self.separator in name:
                raise ValueError(f"the label {name!r} holds task.separator {self.separator!r}: choose another one")
        if self.none in names[:-1]:
            raise ValueError(f"task.none = {self.none!r} is one of task.classes: choose another mark")
        return self

    @model_validator(mode="after")
    def _input_fits(self) -> Task:
        if self.one_column and not isinstance(self.input, str):
            raise ValueError(f"a row of kind {self.kind!r} has one column: give task.input its name")
        return self

    @property
    def rows(self) -> str:
        """What a row is: text, table, image or signal, whatever is asked of it."""
        return self.kind.partition("-")[2] or self.kind

    @property
    def name(self) -> str:
        """What is asked of the rows, a name of `limbeck.tasks.TASKS`: classify, anomaly."""
        before, dash, rows = self.kind.partition("-")
        return before if dash and rows else CLASSIFY

    @property
    def one_column(self) -> bool:
        """Whether a row is read from one column."""
        return self.rows in ("text", "image", "signal")  # recipes lie below the kinds, which cannot be asked here

    @property
    def anomaly(self) -> bool:
        """Whether only normal rows are learned."""
        return self.kind.startswith(ANOMALY)

    @property
    def normals(self) -> list[str]:
        """Labels that are no anomaly."""
        return [self.normal] if isinstance(self.normal, str) else self.normal

    @property
    def inputs(self) -> list[str]:
        """Names of the input columns."""
        return [self.input] if isinstance(self.input, str) else self.input

    @property
    def class_map(self) -> dict[str, str] | None:
        """Raw label -> class name, or None when the classes are to be read off the training rows."""
        if self.classes is None:
            return None
        return self.classes if isinstance(self.classes, dict) else {name: name for name in self.classes}


class Split(Section):
    """A split drawn at random: shares of rows, by whole groups when a group column is named."""

    valid: float = Field(default=0.1, gt=0, lt=1)
    test: float = Field(default=0.1, gt=0, lt=1)
    group: str | None = None
    stratify: bool = True


class Derived(Section):
    """A column made of another one: what the first group of a regular expression matches in it."""

    column: str
    pattern: str


class Data(Section):
    """Where the rows are, and how they are cleaned and split."""

    train: str | list[str] = []
    valid: str | None = None
    test: str | None = None
    unlabelled: list[str] = []
    layout: Literal["table", "wechat", "celeba-spoof"] = "table"
    boxes: Literal["auto", "table", "yolo", "coco", "voc", "label-studio"] = Field(
        default="auto", description="how boxes are written, where a folder holds several forms (detect-image)"
    )
    columns: dict[str, str] = Field(default={}, description="name in the file -> name in the recipe")
    derive: dict[str, Derived] = Field(default={}, description="new column -> pattern on another column")
    encoding: str | None = Field(default=None, description="of text tables, where it is not found: latin-1, big5, …")
    split: str | Split = Split()
    where: dict[str, str | list[str]] = Field(default={}, description="keep only rows with these values")
    duplicates: Literal["auto", "keep", "exact", "near"] = Field(
        default="auto", description="auto: drop exact copies of rows that their content identifies"
    )
    conflicts: Literal["drop", "keep", "refuse"] = "drop"
    leakage: Literal["refuse", "warn"] = "refuse"
    missing_labels: Literal["drop", "unlabelled", "refuse"] = Field(
        default="drop", description="what is done with rows whose label is empty"
    )
    labels: Literal["all", "test"] = Field(default="all", description="test: labels count for the final figure only")

    @model_validator(mode="after")
    def _some_rows(self) -> Data:
        if not self.train and not self.unlabelled:
            raise ValueError("name a file in data.train, or in data.unlabelled")
        return self


class Clean(Section):
    """Which text cleaning is applied, in training and serving alike."""

    control: bool = True
    markup: bool = True
    urls: bool = True
    full_width: bool = True
    lowercase: bool = True
    traditional: bool = Field(default=False, description="traditional characters to simplified ones")


class Input(Section):
    """How one raw value becomes arrays."""

    encoder: str = "characters"
    max_length: int = Field(default=256, ge=4, le=8192)
    vocabulary: int = Field(default=8000, ge=16, le=1_000_000)
    min_count: int = Field(default=2, ge=1)
    stop_words: bool | str = Field(default=False, description="true, or a file with one word a line")
    ngrams: tuple[int, int] = (1, 3)
    word_ngrams: int = Field(default=0, ge=0, le=3, description="longest n-gram of words beside the characters'")
    buckets: int = Field(default=2**18, ge=0, le=2**24, description="0: a place for each n-gram seen often enough")
    wide: bool = Field(default=False, description="a linear n-gram branch beside the network")
    scaling: Literal["robust", "quantile", "both"] = Field(
        default="robust",
        description="of a table's numbers: by median and quartiles, to their ranks, or each in both ways",
    )
    categories: int = Field(default=64, ge=2, le=2**16, description="hash buckets of each category column")
    clean: Clean = Clean()
    size: int = Field(default=64, ge=8, le=1024, description="side of the square that a picture is scaled to")
    letterbox: Literal["auto"] | int | tuple[int, int] = Field(
        default="auto", description="width and height that a whole picture is fitted into; one number: the longer side"
    )
    colour: Literal["rgb", "grey"] = "rgb"
    convention: Literal["zero-one", "imagenet", "caffe"] = Field(default="zero-one", description="numbers of a pixel")
    box: str | list[str] | None = Field(default=None, description="columns of the part of a picture that counts")
    margin: float = Field(default=0.0, ge=0, le=4, description="share of a box's sides added all around it")
    signal: Signal = Signal()

    @field_validator("box")
    @classmethod
    def _one_or_four(cls, value: str | list[str] | None) -> str | list[str] | None:
        if isinstance(value, list) and len(value) != 4:
            raise ValueError('give one column, or four: ["x", "y", "w", "h"]')
        return value

    @field_validator("letterbox")
    @classmethod
    def _whole_strides(cls, value: str | int | tuple[int, int]) -> str | int | tuple[int, int]:
        for side in () if isinstance(value, str) else (value,) if isinstance(value, int) else value:
            if not 64 <= side <= 2048 or side % 32:
                raise ValueError("give sides of 64 to 2048 pixels that 32 divides, such as [640, 384]")
        return value

    @field_validator("buckets")
    @classmethod
    def _none_or_enough(cls, value: int) -> int:
        if 0 < value < 2**8:
            raise ValueError("give 0, or 256 and more")
        return value

    @field_validator("ngrams")
    @classmethod
    def _ordered(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= value[0] <= value[1] <= 8:
            raise ValueError("give [shortest, longest] with 1 <= shortest <= longest <= 8")
        return value
