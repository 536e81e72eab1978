"""What requests and responses on training and drift hold."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from limbeck.studio.loop.forms import LONGEST_SEARCH

Name = Annotated[str, Field(max_length=100)]
Minutes = Annotated[float, Field(gt=0, le=LONGEST_SEARCH)]
Language = Literal["en", "zh"]


class ColdStartIn(Schema):
    """The new model, the published models that teach it, and the model whose unlabelled rows it learns on."""

    name: Name
    teachers: Annotated[list[Name], Field(min_length=1, max_length=100)]
    rows: Name
    language: Language = "en"


class RetrainIn(Schema):
    """How many minutes the comparison of models may take, and the language of the report."""

    minutes: Minutes = 5
    language: Language = "en"


class LearnableOut(Schema):
    """What the next version of a model could learn from; ``old`` is None where its training rows are not known."""

    reviewed: int
    new: int
    old: int | None
    unlabelled: int
    audited: int
    enough: bool


class SignalOut(Schema):
    """One thing held against the bundle's reference; ``of`` is the class whose probabilities were looked at."""

    name: Literal["answers", "scores", "sizes", "vectors"]
    of: str
    value: float
    threshold: float
    jensen_shannon: float | None
    p: float
    drifted: bool


class TwoSamplesOut(Schema):
    """Whether the newest rows can be told from those before them."""

    auc: float
    threshold: float
    p: float
    drifted: bool


class WordOut(Schema):
    """A word, and in how many of the texts before and of the newest texts it is."""

    word: str
    before: int
    newest: int


class AccuracyOut(Schema):
    """An accuracy with its 95 % interval and the rows behind it; ``warning`` says why not to trust it."""

    value: float | None
    low: float
    high: float
    rows: int
    warning: str = ""


class DriftOut(Schema):
    """What the newest answers of the published version show; empty and None where there are too few answers."""

    model: str
    version: str
    rows: int
    signals: list[SignalOut]
    before: TwoSamplesOut | None
    words: list[WordOut]
    expected: AccuracyOut | None
    audited: AccuracyOut
