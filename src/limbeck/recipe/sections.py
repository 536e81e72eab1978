"""The sections of a recipe: what each key is, and which values it takes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from limbeck.recipe.base import Section
from limbeck.recipe.signal import Signal, Signals, Unfreeze

ANOMALY = "anomaly-"  # kinds of task that begin so learn normal rows only
DETECTED = ("normal", "anomaly")  # their classes


class Task(Section):
    """What is to be told apart from what."""

    kind: Literal["text", "table", "image", "signal", "anomaly-image", "anomaly-table"]
    input: str | list[str] = Field(
        default="text", description="of pictures and signals, the column with the path: path"
    )
    label: str = "label"
    id: str | None = None
    classes: dict[str, str] | list[str] | None = Field(default=None, description="raw label -> class name")
    positive: str | None = None
    normal: str | list[str] = Field(default=["normal", "good"], description="labels that are no anomaly (anomaly-…)")
    mask: str = Field(default="mask", description="column with the file that marks an anomaly's pixels, if it is there")

    @model_validator(mode="before")
    @classmethod
    def _input_of_pictures(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("kind") in ("image", "signal", "anomaly-image") and "input" not in raw:
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

    @model_validator(mode="after")
    def _input_fits(self) -> Task:
        if self.rows != "table" and not isinstance(self.input, str):
            raise ValueError(f"a row of kind {self.kind!r} has one column: give task.input its name")
        return self

    @property
    def rows(self) -> str:
        """What a row is: text, table or image, whether classes or anomalies are looked for."""
        return self.kind.removeprefix(ANOMALY)

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
    columns: dict[str, str] = Field(default={}, description="name in the file -> name in the recipe")
    derive: dict[str, Derived] = Field(default={}, description="new column -> pattern on another column")
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
    signal: Signal = Signal()

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
    spectrum: bool = Field(default=False, description="of pictures: the head reads the input's log-spectrum too")

    @property
    def options(self) -> dict[str, Any]:
        """The network's own options."""
        return dict(self.model_extra or {})


class Teacher(Section):
    """A classifier to learn from: anything that gives class probabilities for rows.

    ``source`` is ``kind:place``: ``bundle:``, ``onnx:``, ``huggingface:``, ``sklearn:``, ``column:``, ``http:``,
    ``rule:``, ``scenarios:`` or ``trained:``.
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


class Adversary(Section):
    """Changes to pictures that are to fool the student; see `limbeck.objectives.adversarial`."""

    epsilon: float = Field(default=4.0, gt=0, le=255, description="most that a pixel is moved, in levels of 255")
    steps: int = Field(default=1, ge=1, le=1000, description="1 is FGSM, more are PGD")


class Objective(Section):
    """What the student is trained for: a sum of named losses, each with a weight or a schedule of weights."""

    losses: dict[str, float | Ramp] = {"hard": 1.0}
    temperature: Decay = Decay()
    class_weights: Literal["none", "balanced"] | dict[str, float] = "none"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    hidden: str | None = Field(default=None, description="the teacher whose features distil-hidden learns")
    adversary: Adversary = Field(default=Adversary(), description="that the loss adversarial trains against")
    form: Literal["flattened", "location"] = Field(
        default="flattened", description="cosine of reverse-distillation: of whole maps, or place by place"
    )
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
    perspective: float = Field(default=0.0, ge=0, le=0.4, description="how much nearer a side comes at most")
    noise: float = Field(default=0.0, ge=0, le=0.5, description="largest sigma of Gaussian noise, as a share of white")
    tint: float = Field(default=0.0, ge=0, le=1, description="most in white balance, either way, as a logarithm")
    moire: float = Field(default=0.0, ge=0, le=1, description="share of pictures with the moiré of a display")
    recapture: float = Field(default=0.0, ge=0, le=1, description="share of pictures taken again of a screen or print")
    recapture_as: str | None = Field(default=None, description="class of re-captured copies of the other classes' rows")

    @model_validator(mode="after")
    def _recaptured(self) -> Pictures:
        if self.recapture_as is not None and not self.recapture:
            raise ValueError("recapture_as says what re-captured pictures are: set recapture to a share above 0")
        return self


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
    keep: Literal["best", "last"] = Field(default="best", description="the epoch whose weights are the result")
    average: float = Field(default=0.0, ge=0, lt=1, description="decay of the moving average of weights")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = Field(default=0, ge=0, description="torch threads; 0 is what suits the network")
    checkpoint_every: float = Field(default=60.0, ge=0, description="seconds between checkpoints")
    seed: int = Field(default=0, ge=0)
    augment: Augment = Augment()
    pictures: Pictures = Pictures()
    signals: Signals = Signals()
    unfreeze: Unfreeze = Unfreeze()


class Sensitivity(Section):
    """A threshold by what must not be missed: the highest that finds this share of the positive rows of valid."""

    sensitivity: float = Field(gt=0, lt=1)


class AttackLevel(Section):
    """A threshold rule: the APCER of the worst species of attack that ``valid`` is held to."""

    apcer: float = Field(gt=0, lt=1)


class Attacks(Section):
    """Which of two classes is the real thing, and which column names the kind of attack (ISO/IEC 30107-3)."""

    bona_fide: str = Field(min_length=1, description="the class of live presentations; the other one is attacks")
    species: str | None = Field(default=None, description="column with the kind of attack; without it all are one")


class Evaluation(Section):
    """How the finished student is judged."""

    threshold: Literal["macro_f1", "f1", "accuracy", "eer"] | float | AttackLevel | Sensitivity = "macro_f1"
    slices: list[str] = Field(default=[], description="columns by which the worst slices are sought")
    group: str | None = Field(default=None, description="bootstrap whole groups of this column; empty for none")
    bootstrap: int = Field(default=1000, ge=0, le=20000)
    baseline: bool = True
    adversary: Adversary | None = Field(default=None, description="of pictures: measure accuracy under it too")
    attacks: Attacks | None = Field(default=None, description="judge by ISO/IEC 30107-3 too")
    pictures: bool = Field(default=False, description="small copies of the worst errors in the report")

    @model_validator(mode="after")
    def _attacks_are_named(self) -> Evaluation:
        if isinstance(self.threshold, AttackLevel) and self.attacks is None:
            raise ValueError('the rule { apcer = … } needs evaluation.attacks, e.g. { bona_fide = "live" }')
        return self

    @field_validator("group")
    @classmethod
    def _none_where_empty(cls, value: str | None) -> str | None:
        return value or None


class Anomaly(Section):
    """Where a detector draws the line."""

    false_alarms: float = Field(
        default=0.05, gt=0, lt=1, description="share of normal rows called anomalies, where valid has no anomaly"
    )


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
    anomaly: Anomaly = Anomaly()
    export: Export = Export()
    tune: Tune = Tune()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_anomalies(cls, raw: Any) -> Any:
        """Detectors learn without classes, so loss and metric are others; int8 moves scores that all lie close."""
        task = raw.get("task") if isinstance(raw, dict) else None
        if not isinstance(task, dict) or not str(task.get("kind")).startswith(ANOMALY):
            return raw
        loss = "reverse-distillation" if task["kind"] == f"{ANOMALY}image" else "reconstruction"
        own: dict[str, dict[str, Any]]
        own = {"objective": {"losses": {loss: 1.0}}, "training": {"metric": "loss"}, "export": {"int8": "never"}}
        given = {name: raw.get(name, {}) for name in own}
        return {**raw, **{name: {**own[name], **part} for name, part in given.items() if isinstance(part, dict)}}

    @model_validator(mode="after")
    def _layout_fits(self) -> Recipe:
        wanted = {"wechat": "text", "celeba-spoof": "image"}.get(self.data.layout, self.task.rows)
        if self.task.rows != wanted:
            raise ValueError(f"the layout {self.data.layout!r} is for rows of the kind {wanted!r}")
        return self

    @model_validator(mode="after")
    def _evaluation_fits(self) -> Recipe:
        names, attacks = sorted(set((self.task.class_map or {}).values())), self.evaluation.attacks
        if attacks is not None and names and (len(names) != 2 or attacks.bona_fide not in names):
            raise ValueError(f"evaluation.attacks wants two classes, of which {attacks.bona_fide!r} is one: {names}")
        if self.evaluation.pictures and self.task.kind != "image":
            raise ValueError("evaluation.pictures is for task.kind = 'image'")
        return self

    @model_validator(mode="after")
    def _positive_is_a_class(self) -> Recipe:
        names = list((self.task.class_map or {}).values())
        if self.task.positive is not None and names and self.task.positive not in names:
            raise ValueError(f"task.positive {self.task.positive!r} is no class: {names}")
        return self
