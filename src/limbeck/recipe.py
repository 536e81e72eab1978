"""The recipe: one TOML file that says what to train, on what, and how.

Every section is a frozen pydantic model that forbids unknown keys, so that a misspelt key is one clear
line with a "did you mean" instead of a silently ignored wish. Options of a network or an encoder are
checked by that network or encoder, which alone knows them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from limbeck.errors import LimbeckError, did_you_mean


class Section(BaseModel):
    """A part of the recipe: immutable, with no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(Section):
    """What is to be told apart from what."""

    kind: Literal["text", "table", "image"]
    input: str | list[str] = Field(default="text", description="of pictures, the column with the path: path")
    label: str = "label"
    id: str | None = None
    classes: dict[str, str] | list[str] | None = Field(default=None, description="raw label -> class name")
    positive: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _input_of_pictures(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("kind") == "image" and "input" not in raw:
            return {**raw, "input": "path"}
        return raw

    @model_validator(mode="after")
    def _input_fits(self) -> Task:
        if self.kind != "table" and not isinstance(self.input, str):
            raise ValueError(f"a row of kind {self.kind!r} has one column: give task.input its name")
        return self

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


class Data(Section):
    """Where the rows are, and how they are cleaned and split."""

    train: str | list[str] = []
    valid: str | None = None
    test: str | None = None
    unlabelled: list[str] = []
    layout: Literal["table", "wechat", "celeba-spoof"] = "table"
    columns: dict[str, str] = Field(default={}, description="name in the file -> name in the recipe")
    split: str | Split = Split()
    where: dict[str, str | list[str]] = Field(default={}, description="keep only rows with these values")
    duplicates: Literal["keep", "exact", "near"] = "exact"
    conflicts: Literal["drop", "keep", "refuse"] = "drop"
    leakage: Literal["refuse", "warn"] = "refuse"
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

    encoder: Literal["characters", "words", "wordpiece", "ngrams", "table"] = "characters"
    max_length: int = Field(default=256, ge=4, le=8192)
    vocabulary: int = Field(default=8000, ge=16, le=1_000_000)
    min_count: int = Field(default=2, ge=1)
    stop_words: bool | str = Field(default=False, description="true, or a file with one word a line")
    ngrams: tuple[int, int] = (1, 3)
    word_ngrams: int = Field(default=0, ge=0, le=3, description="longest n-gram of words beside the characters'")
    buckets: int = Field(default=2**18, ge=0, le=2**24, description="0: a place for each n-gram seen often enough")
    wide: bool = Field(default=False, description="a linear n-gram branch beside the network")
    scaling: Literal["robust", "quantile"] = Field(default="robust", description="of a table's numbers")
    categories: int = Field(default=64, ge=2, le=2**16, description="hash buckets of each category column")
    clean: Clean = Clean()
    size: int = Field(default=64, ge=8, le=1024, description="side of the square that a picture is scaled to")
    colour: Literal["rgb", "grey"] = "rgb"
    convention: Literal["zero-one", "imagenet", "caffe"] = Field(default="zero-one", description="numbers of a pixel")
    box: str | list[str] | None = Field(default=None, description="columns of the part of a picture that counts")
    margin: float = Field(default=0.0, ge=0, le=4, description="share of a box's sides added all around it")

    @field_validator("box")
    @classmethod
    def _one_or_four(cls, value: str | list[str] | None) -> str | list[str] | None:
        if isinstance(value, list) and len(value) != 4:
            raise ValueError('give one column, or four: ["x", "y", "w", "h"]')
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


class Init(Section):
    """A start for the student; an optional one is skipped, with a line that says so, when absent."""

    path: str
    optional: bool = False


class Wide(Section):
    """The wide branch of a student, when ``input.wide`` is on: a linear n-gram model under the network."""

    idf: float = Field(default=1.5, ge=0, le=3, description="power of the inverse document frequency")
    margin: float = Field(default=1.0, gt=0, description="C of the linear support vector machine")


class Student(BaseModel):
    """The network to train; its own options stand beside these keys and are checked by the network."""

    model_config = ConfigDict(extra="allow", frozen=True)
    network: str
    init: str | Init | None = None
    wide: Wide = Wide()

    @property
    def options(self) -> dict[str, Any]:
        """The network's own options."""
        return dict(self.model_extra or {})


class Teacher(Section):
    """A classifier to learn from: anything that gives class probabilities for rows.

    ``source`` is ``kind:place``: ``bundle:``, ``onnx:``, ``huggingface:``, ``sklearn:``, ``column:``, ``http:`` or
    ``rule:``.
    """

    name: str = Field(min_length=1)
    source: str = Field(pattern=r"^[a-z]+:.+")
    labels: dict[str, str] = Field(default={}, description="the teacher's class -> ours; unnamed ones keep their name")
    input: str | list[str] | None = Field(default=None, description="column it reads; task.input when left out")
    sample: str | None = Field(default=None, description="rows of its own scenario, for relevance")
    sample_where: dict[str, str | list[str]] = Field(default={}, description="which rows of the sample")
    timeout: float = Field(default=30.0, gt=0, description="seconds for one request (http)")
    retries: int = Field(default=3, ge=0)
    budget: int | None = Field(default=None, ge=1, description="most requests in one run (http)")
    batch_size: int = Field(default=64, ge=1)
    options: dict[str, Any] = Field(default={}, description="what one kind of teacher alone knows")


class Relevance(Section):
    """How far each teacher is trusted; see `limbeck.relevance`."""

    method: str = "auto"
    weights: dict[str, float] = Field(default={}, description="teacher -> weight, for the method 'fixed'")
    reviewed: str | None = Field(default=None, description="a table with labels for some of the rows")
    rounds: int = Field(default=3, ge=0, le=20, description="rounds in which the student is one more voter")
    sample_rows: int = Field(default=1000, ge=0, description="rows taken from each teacher's sample")
    keep: float = Field(default=1.0, gt=0, le=1, description="share of rows to learn: where neighbours agree best")


class Decay(Section):
    """A temperature that falls by steps: ``max(floor, start * decay ** (epoch // every))``."""

    start: float = Field(default=1.0, gt=0)
    decay: float = Field(default=1.0, gt=0, le=1)
    every: int = Field(default=1, ge=1)
    floor: float = Field(default=1.0, gt=0)

    def at(self, epoch: int) -> float:
        """Temperature in the given epoch, counted from 0."""
        return max(self.floor, self.start * self.decay ** (epoch // self.every))


class Ramp(Section):
    """A loss weight that rises by epochs: ``base * min(limit, start + step * epoch)``."""

    base: float = Field(default=1.0, ge=0)
    start: float = Field(default=0.15, ge=0)
    step: float = Field(default=0.001, ge=0)
    limit: float = Field(default=0.25, ge=0)

    def at(self, epoch: int) -> float:
        """Weight in the given epoch, counted from 0."""
        return self.base * min(self.limit, self.start + self.step * epoch)


class Objective(Section):
    """What the student is trained for: a sum of named losses, each with a weight or a schedule of weights."""

    losses: dict[str, float | Ramp] = {"hard": 1.0}
    temperature: Decay = Decay()
    class_weights: Literal["none", "balanced"] | dict[str, float] = "none"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    hidden: str | None = Field(default=None, description="the teacher whose features distil-hidden learns")
    sharpen: float = Field(default=1.0, gt=0, le=1, description="temperature of the answer that consistency follows")

    def weights(self, epoch: int) -> dict[str, float]:
        """Weight of each named loss in the given epoch, counted from 0."""
        return {name: w.at(epoch) if isinstance(w, Ramp) else w for name, w in self.losses.items()}


class Augment(Section):
    """Random changes to training texts; every rate is a share of the tokens, 0 switches it off."""

    delete: float = Field(default=0.0, ge=0, lt=1)
    swap: float = Field(default=0.0, ge=0, lt=1)
    insert: float = Field(default=0.0, ge=0, lt=1)
    synonyms: float = Field(default=0.0, ge=0, lt=1)
    synonym_file: str | None = Field(default=None, description="one group of words a line, blanks between")
    back_translation: list[str] = Field(default=[], description="two translation models: there, and back")
    copies: int = Field(default=1, ge=1, le=8, description="augmented copies of each row in an epoch")


class Pictures(Section):
    """Random changes to training pictures; 0 switches one off."""

    rotate: float = Field(default=0.0, ge=0, le=180, description="most degrees, either way")
    shift: float = Field(default=0.0, ge=0, le=0.5, description="most of the side, either way")
    zoom: float = Field(default=0.0, ge=0, le=0.9, description="most in size, either way")
    flip: float = Field(default=0.0, ge=0, le=1, description="share of pictures mirrored left to right")
    brightness: float = Field(default=0.0, ge=0, le=1, description="most, either way, as a factor")
    contrast: float = Field(default=0.0, ge=0, le=1, description="most, either way, as a factor")
    colour: float = Field(default=0.0, ge=0, le=1, description="most saturation, either way, as a factor")
    blur: float = Field(default=0.0, ge=0, le=8, description="largest sigma of a Gaussian, in pixels")
    jpeg: float = Field(default=0.0, ge=0, le=1, description="share of pictures compressed anew, quality 30 to 95")


class Training(Section):
    """How the student is trained."""

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=64, ge=1)
    accumulate: int = Field(default=1, ge=1)
    optimizer: Literal["adamw", "adam", "lbfgs"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    schedule: Literal["constant", "cosine", "linear", "step", "plateau"] = "cosine"
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of all steps")
    step_every: int = Field(default=10, ge=1, description="epochs between steps of the step schedule")
    step_factor: float = Field(default=0.1, gt=0, lt=1)
    clip: float = Field(default=1.0, ge=0, description="largest gradient norm; 0 switches it off")
    patience: int = Field(default=3, ge=1, description="epochs without a better valid score before it stops")
    metric: Literal["macro_f1", "accuracy", "roc_auc", "loss"] = "macro_f1"
    average: float = Field(default=0.0, ge=0, lt=1, description="decay of the moving average of weights")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = Field(default=0, ge=0, description="torch threads; 0 is what suits the network")
    checkpoint_every: float = Field(default=60.0, ge=0, description="seconds between checkpoints")
    seed: int = Field(default=0, ge=0)
    augment: Augment = Augment()
    pictures: Pictures = Pictures()


class Evaluation(Section):
    """How the finished student is judged."""

    threshold: Literal["macro_f1", "f1", "accuracy", "eer"] | float = "macro_f1"
    slices: list[str] = Field(default=[], description="columns by which the worst slices are sought")
    group: str | None = Field(default=None, description="bootstrap whole groups of this column")
    bootstrap: int = Field(default=1000, ge=0, le=20000)
    baseline: bool = True


class Export(Section):
    """What the bundle holds."""

    int8: Literal["auto", "keep", "never"] = Field(default="auto", description="keep: whatever the clock says")
    seen: bool = Field(default=True, description="hashes of the rows it was trained on")


class Tune(Section):
    """The hyper-parameter search; each entry of ``space`` is a list of choices or ``{ low, high, log }``."""

    trials: int = Field(default=20, ge=1)
    space: dict[str, list[Any] | dict[str, Any]] = {}


class Recipe(Section):
    """A whole recipe."""

    task: Task
    data: Data
    input: Input = Input()
    student: Student
    teachers: list[Teacher] = []
    relevance: Relevance = Relevance()
    objective: Objective = Objective()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    export: Export = Export()
    tune: Tune = Tune()

    @model_validator(mode="after")
    def _layout_fits(self) -> Recipe:
        wanted = {"wechat": "text", "celeba-spoof": "image"}.get(self.data.layout, self.task.kind)
        if self.task.kind != wanted:
            raise ValueError(f"the layout {self.data.layout!r} is for task.kind = {wanted!r}")
        return self

    @model_validator(mode="after")
    def _positive_is_a_class(self) -> Recipe:
        names = list((self.task.class_map or {}).values())
        if self.task.positive is not None and names and self.task.positive not in names:
            raise ValueError(f"task.positive {self.task.positive!r} is no class: {names}")
        return self


def load_recipe(path: str | Path, settings: Iterable[str] = ()) -> Recipe:
    """Read a recipe and apply ``section.key=value`` settings over it.

    A table ``[when.NAME]`` of the file holds overrides that apply when ``student.network`` or ``data.layout`` is
    ``NAME``; a setting given by hand wins over them.

    Raises
    ------
    LimbeckError
        For a missing or broken file, an unknown key (with the nearest known one) or a wrong value.
    """
    file = Path(path)
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LimbeckError("the recipe cannot be read", where=file, mend="check the path") from error
    except UnicodeDecodeError as error:
        raise LimbeckError("the recipe is not UTF-8", where=file, mend="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise LimbeckError(f"not valid TOML: {error}", where=file) from error
    pairs = [_setting(text) for text in settings]
    when = raw.pop("when", {})
    chosen = [_wanted(raw, pairs, "data", "layout"), _wanted(raw, pairs, "student", "network")]
    for name, over in when.items() if isinstance(when, dict) else [("", when)]:
        _check_when(name, over, file)
        if name in chosen:
            _merge(raw, over)
    for key, value in pairs:
        _put(raw, key, value)
    return parse_recipe(raw, where=str(file))


def _wanted(raw: Mapping[str, Any], pairs: list[tuple[str, Any]], section: str, key: str) -> Any:
    """Return a value as the settings give it, else as the file does, else None."""
    table = raw.get(section)
    given = [value for name, value in pairs if name == f"{section}.{key}"]
    return given[-1] if given else table.get(key) if isinstance(table, dict) else None


def parse_recipe(raw: Mapping[str, Any], *, where: str = "recipe") -> Recipe:
    """Validate a recipe given as plain tables; see `load_recipe` for the errors."""
    try:
        return Recipe.model_validate(_text_keys(raw))
    except ValidationError as error:
        raise _explain(error, where) from error


def override(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe with ``section.key`` values put over it, checked anew."""
    raw = recipe.model_dump(mode="json", exclude_none=True)
    for key, value in values.items():
        _put(raw, key, value)
    return parse_recipe(raw)


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as TOML text, every default written out, so that a run can be repeated."""
    tables: dict[str, Any] = recipe.model_dump(mode="json", exclude_none=True)
    lines: list[str] = []
    for name, value in tables.items():
        for table in value if isinstance(value, list) else [value]:
            lines.append(f"[[{name}]]" if isinstance(value, list) else f"[{name}]")
            lines += [f"{_toml_key(key)} = {_toml(item)}" for key, item in table.items()]
            lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml_key(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return _toml_plain(value)


def _toml_plain(value: Any) -> str:
    if value in (float("inf"), float("-inf")):
        return str(value)
    # JSON's strings, numbers and booleans are TOML's too, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _toml_plain(key)


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise LimbeckError(f"{text!r} is no setting", where="--set", mend="write section.key=value")
    try:
        return key.strip(), tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value  # a bare word is a string: --set student.network=albert


def _put(raw: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    table = raw
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise LimbeckError(f"{key!r} goes through a value that is no table", where="--set")
    table[last] = value


def _check_when(name: str, over: Any, where: object) -> None:
    for section, values in over.items() if isinstance(over, dict) else [("", None)]:
        if section and section not in Recipe.model_fields:
            mend = did_you_mean(section, Recipe.model_fields)
            raise LimbeckError(f"unknown key 'when.{name}.{section}'", where=where, mend=mend)
        if not isinstance(values, dict):
            mend = "write [when.NETWORK.SECTION] with keys of that section"
            raise LimbeckError(f"'when{'.' * bool(name)}{name}' is no table of sections", where=where, mend=mend)


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _text_keys(item) for key, item in value.items()}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def _explain(error: ValidationError, where: str) -> LimbeckError:
    """Turn pydantic's first finding into one line; a misspelt key comes before anything else."""
    found = error.errors()
    first = next((item for item in found if item["type"] == "extra_forbidden"), found[0])
    path = _key_words([str(part) for part in first["loc"]])
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        return LimbeckError(f"unknown key {'.'.join(path)!r}", where=where, mend=_nearest(path))
    if first["type"] == "missing":
        return LimbeckError(f"the key {'.'.join(path)!r} is missing", where=where, mend="add it")
    message = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f" (given: {given!r})" if key and not isinstance(given, dict) else ""
    return LimbeckError(f"{key + ': ' if key else ''}{message}{shown}", where=where)


def _key_words(path: list[str]) -> list[str]:
    # pydantic adds the tried branch of a union to the location ("float", "Split", "list[str]"); leave those out.
    branches = {"float", "int", "str", "bool", *(kind.__name__ for kind in Section.__subclasses__())}
    return [part for part in path if part not in branches and "[" not in part]


def _nearest(path: list[str]) -> str:
    model: Any = Recipe
    for part in path[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = _section_in(field.annotation, model) if field else model
    return did_you_mean(path[-1], getattr(model, "model_fields", {}))


def _section_in(annotation: Any, default: Any) -> Any:
    """Return the section that a type speaks of: itself, or one inside its unions and tables."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_in(inner, None) for inner in getattr(annotation, "__args__", ()))
    return next((inner for inner in found if inner is not None), default)
