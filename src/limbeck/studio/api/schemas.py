"""What requests hold and what answers hold."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import AwareDatetime, BeforeValidator, Field

from limbeck.studio.roles import Role

Text = Annotated[str, Field(max_length=100_000)]
Name = Annotated[str, Field(max_length=100)]
# JSON has no moments: a text in ISO 8601, and no number of seconds.
Moment = Annotated[AwareDatetime, BeforeValidator(lambda given: given if isinstance(given, str) else str(None))]
Cells = dict[Name, Annotated[str, Field(max_length=10_000)] | float | None]


class Problem(Schema):
    """Why a request was refused."""

    detail: str


class Question(Schema):
    """Rows for a model: texts, or rows of a table as columns with values."""

    model: Name
    rows: list[Text | Cells] = Field(min_length=1, max_length=256)
    explain: bool = False


class Answer(Schema):
    """The answer to a row; ``error`` where there is none."""

    id: int | None = None
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    margin: float | None = None
    threshold: float | None = None
    explanation: list[dict[str, Any]] | None = None
    error: str | None = None


class Answers(Schema):
    """Answers in the order of the rows, and the version that gave them."""

    model: str
    version: str
    answers: list[Answer]


class ModelOut(Schema):
    """A version of a model."""

    name: str
    version: str
    published: bool
    kind: str
    classes: list[str]
    inputs: list[str]
    threshold: float
    figures: dict[str, float]


class PredictionOut(Schema):
    """A stored answer."""

    id: int
    created_at: datetime.datetime
    job: int | None
    row: int | None
    model: str
    version: str
    kind: str
    content: str
    label: str
    probability: float
    probabilities: dict[str, float | None]
    margin: float
    boxes: list[dict[str, Any]] | None


class JobOut(Schema):
    """A job and how far it has come."""

    id: int
    kind: str
    title: str
    state: str
    stage: str
    done: int
    total: int | None
    reason: str
    result: dict[str, Any]
    created_at: datetime.datetime
    finished_at: datetime.datetime | None


class AnnouncementIn(Schema):
    """What an announcement says, and when it is shown."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    body: Annotated[str, Field(min_length=1, max_length=20_000)]
    pinned: bool = False
    starts_at: Moment | None = None
    ends_at: Moment | None = None


class AnnouncementOut(Schema):
    """An announcement."""

    id: int
    title: str
    body: str
    pinned: bool
    starts_at: datetime.datetime
    ends_at: datetime.datetime | None
    state: str


class PersonIn(Schema):
    """A new person."""

    username: Annotated[str, Field(min_length=2, max_length=150, pattern=r"^[\w.@+-]+$")]
    password: Annotated[str, Field(min_length=10, max_length=200, description="common ones and digits alone: 400")]
    name: Annotated[str, Field(max_length=100)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    phone: Annotated[str, Field(max_length=30)] = ""
    role: Role = Role.OPERATOR


class PersonChange(Schema):
    """What of a person is changed; what is left out stays."""

    name: Annotated[str, Field(max_length=100)] | None = None
    role: Role | None = None
    is_active: bool | None = None
    must_change_password: bool | None = None


class PersonOut(Schema):
    """A person."""

    id: int
    username: str
    name: str
    email: str
    phone: str
    role: Role
    is_active: bool


class EntryOut(Schema):
    """An entry of the audit log."""

    number: int
    at: datetime.datetime
    actor: int | None
    action: str
    target: str
    details: dict[str, Any]
    address: str
    digest: str


class Chain(Schema):
    """Whether the audit log is unchanged."""

    entries: int
    broken: int | None
