"""What requests and responses on versions of models hold."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field


class VersionOut(Schema):
    """A version of a model, its state, and from what and after which version it was trained here."""

    name: str
    version: str
    state: Literal["candidate", "shadow", "published", "retired"]
    kind: str
    classes: list[str]
    created: str
    figures: dict[str, float]
    origin: str
    parent: str


class StateIn(Schema):
    """The state that a version is to have; publishing is an operation of its own."""

    state: Literal["candidate", "shadow", "retired"]


class PublishIn(Schema):
    """The verdict that was read, the published version it was about, and why a version is published without one."""

    verdict: Annotated[str, Field(max_length=20)] = ""
    instead_of: Annotated[str, Field(max_length=16)] = ""
    reason: Annotated[str, Field(max_length=500)] = ""


class AutomaticIn(Schema):
    """Whether better versions are published by themselves."""

    on: bool


class AutomaticOut(AutomaticIn):
    """As it is now."""


class ClassOut(Schema):
    """Recall of a class on so many audited rows; None without such rows."""

    name: str
    rows: int
    recall_published: float | None
    recall_candidate: float | None


class DifferingOut(Schema):
    """An audited row that two versions answer differently."""

    content: str
    label: str
    published: str
    candidate: str


class ComparisonOut(Schema):
    """Two versions on the audit sample; ``disagreement`` is on ``unlabelled`` rows that nobody has reviewed."""

    published: str
    candidate: str
    verdict: str
    sentence: str
    rows: int
    learned: int
    accuracy_published: float | None
    accuracy_candidate: float | None
    disagreement: float | None
    unlabelled: int
    classes: list[ClassOut]
    differing: list[DifferingOut]


class DisagreementOut(Schema):
    """Two answers that differ, how many rows got them, and the id of the newest such answer; None: not readable."""

    published: str
    shadow: str | None
    rows: int
    newest: int


class TrafficOut(Schema):
    """What a version answered in shadow mode, with the 95 % interval of the share that differs."""

    rows: int
    differing: int
    share: float | None
    low: float
    high: float
    pairs: list[DisagreementOut]
