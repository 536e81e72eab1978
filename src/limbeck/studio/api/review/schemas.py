"""What requests and responses on review hold."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

Key = Annotated[str, Field(min_length=8, max_length=64)]
Note = Annotated[str, Field(max_length=2000)]
StateName = Literal["", "predicted", "claimed", "reviewed", "adjudicated", "disputed", "corrected"]
OrderName = Literal["", "learning", "margin", "disagreement", "error"]
SortName = Literal["newest", "uncertain", "class", "source", "model", "reviewer", "reviewed"]


class AnswerIn(Schema):
    """An answer; ``key`` is made by the client and names it for good."""

    item: Annotated[int, Field(ge=0, lt=2**63)] = 0
    key: Key
    label: Annotated[str, Field(max_length=200)] = ""
    skipped: bool = False
    note: Note = ""
    seconds: float | None = None


class AppealIn(Schema):
    """Why a label should be looked at again."""

    key: Key
    note: Note


class KeptOut(Schema):
    """An answer that is stored; ``late``: somebody else had the item or had answered it meanwhile."""

    key: str
    item: int
    late: bool


class TakenOut(Schema):
    """What was acted on."""

    item: int | None
    job: int | None = None


class WaitingItem(Schema):
    """An item to answer; ``label`` and probabilities are those of the model, None for a blind item."""

    id: int
    kind: str
    content: str
    blind: bool
    label: str | None
    probability: float | None
    probabilities: dict[str, float | None] | None


class EventOut(Schema):
    """A line of an item's history."""

    at: datetime.datetime
    who: str
    what: str
    label: str
    note: str
    undone: bool


class ItemOut(WaitingItem):
    """An item under review; probabilities and history only where one item is asked for."""

    model: str
    version: str
    source: str
    job: int | None
    row: int | None
    state: str
    disputed: bool
    final_label: str
    reviewed_at: datetime.datetime | None
    audit: bool
    inclusion: float
    history: list[EventOut]


class ItemsOut(Schema):
    """A page of items, and where the next one begins."""

    items: list[ItemOut]
    after: str


class PairOut(Schema):
    """Two people who answered the same rows blind."""

    rows: int
    equal: int
    kappa: float | None


class QualityOut(Schema):
    """Accuracy on the random audit with its 95 % interval, and agreement."""

    accuracy: float | None
    low: float
    high: float
    audited: int
    fleiss: float | None
    blind: int
    pairs: list[PairOut]
