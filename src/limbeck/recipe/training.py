"""The sections on learning: the student, its teachers and how they are weighed, the objective, the training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from limbeck.recipe.base import Section
from limbeck.recipe.signal import Signals, Unfreeze


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
    spectrum: bool | dict[str, Any] = Field(
        default=False, description="of pictures: the head reads the input's spectrum too; a table has its options"
    )

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
    class_rates: dict[str, float] = Field(default={}, description="class -> its share of the rows, where it is known")
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


class Windows(Section):
    """What a detector learns from: windows of the training pictures, and whole pictures (detect-image)."""

    size: int = Field(default=256, ge=64, le=2048, multiple_of=32, description="side of a window, in pixels")
    scale: tuple[float, float] = Field(default=(0.6, 1.6), description="zoom of a window, of the letterbox")
    whole: float = Field(default=0.2, ge=0, le=1, description="share of samples that are whole pictures")
    samples: int = Field(default=1600, ge=1, description="samples of an epoch, whatever the number of pictures")

    @model_validator(mode="after")
    def _ordered(self) -> Windows:
        if not 0 < self.scale[0] <= self.scale[1] <= 16:
            raise ValueError("give scale as [smallest, largest], above 0 and at most 16")
        return self


class Training(Section):
    """How the student is trained."""

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=64, ge=1)
    accumulate: int = Field(default=1, ge=1)
    optimizer: Literal["adamw", "adam", "lbfgs", "liblinear"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    schedule: Literal["constant", "cosine", "linear", "step", "plateau"] = "cosine"
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of all steps")
    step_every: int = Field(default=10, ge=1, description="epochs between steps of the step schedule")
    step_factor: float = Field(default=0.1, gt=0, lt=1)
    clip: float = Field(default=1.0, ge=0, description="largest gradient norm; 0 switches it off")
    patience: int = Field(default=3, ge=1, description="epochs without a better valid score before it stops")
    metric: Literal["macro_f1", "accuracy", "roc_auc", "loss", "ap", "ap50"] = "macro_f1"
    keep: Literal["best", "last"] = Field(default="best", description="the epoch whose weights are the result")
    average: float = Field(default=0.0, ge=0, lt=1, description="decay of the moving average of weights")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = Field(default=0, ge=0, description="torch threads; 0 is what suits the network")
    checkpoint_every: float = Field(default=60.0, ge=0, description="seconds between checkpoints")
    seed: int = Field(default=0, ge=0)
    augment: Augment = Augment()
    pictures: Pictures = Pictures()
    windows: Windows = Windows()
    signals: Signals = Signals()
    unfreeze: Unfreeze = Unfreeze()
