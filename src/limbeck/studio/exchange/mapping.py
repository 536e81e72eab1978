"""Between items under review and the records of files.

An item keeps its key through files, so that it is known again: on the site that wrote the file by the key itself, on
others with the name of that site before it. Answers of people keep theirs too, and are stored once.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from limbeck.data.exchange.record import TEXT, Answer, Record
from limbeck.data.exchange.record import Review as Said
from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.studio.opinions.models import LLM, RULE, Opinion
from limbeck.studio.registry.facts import in_columns
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.answers import PERSON
from limbeck.studio.review.models.items import ADJUDICATED, PREDICTED, REVIEWED

FROM = "from:"
OPINION = "opinion"  # stands for the key of what is no answer of a person
OPINIONS = (LLM, RULE)
LONGEST_KEY, LONGEST_REVIEW_KEY, LONGEST_NAME, LONGEST_CLASS = 100, 64, 150, 200
_FLAGS = ("skipped", "blind", "gold", "bulk")


def site_name() -> str:
    """Return 12 hexadecimal digits that stand for this site."""
    return hmac.new(settings.SECRET_KEY.encode(), b"site of an export", hashlib.sha256).hexdigest()[:12]


def record_of(item: Item) -> Record:
    """Return an item, with its answers, as a record; its reviews and their people should be loaded."""
    site, key = site_name(), item.key or f"item:{item.pk}"
    if key.startswith(FROM):
        _from, site, key = key.split(":", 2)
    content = content_of(item)
    more: dict[str, Any] = {"site": site, "given": item.given, "wanted": item.wanted}
    if not KINDS[item.kind].one_text and cells_json({k: v for k, v in content.items() if k not in item.extra}) != (
        item.content
    ):
        more["content"] = item.content
    answer = Answer(
        item.label, item.model, item.version, item.probability, item.probabilities, {"margin": item.margin}
    )  # fmt: skip
    return Record(
        content,
        id=key,
        kind=item.kind,
        label=item.final_label,
        state=item.state if item.done else PREDICTED,
        answers=(answer,) if item.label else (Answer("", item.model, item.version),),
        reviews=(*map(_said, item.reviews.all()), *map(_opinion, item.opinions.all())),
        more={name: value for name, value in more.items() if value not in ("", 1)},
    )


def content_of(item: Item) -> dict[str, str]:
    """Return the columns of an item, and those that came beside its content."""
    kind = KINDS[item.kind]
    if kind.one_text:
        own = {TEXT: item.content}
    elif item.content.startswith("{"):
        own = {name: _shown(cell) for name, cell in json.loads(item.content).items() if cell not in (None, "")}
    else:
        own = {"file": item.content}
    return {**own, **{name: str(cell) for name, cell in item.extra.items() if name not in own}}


def cells_json(cells: Mapping[str, Any]) -> str:
    """Return the columns of a table's row as an item keeps them."""
    return json.dumps(dict(cells), ensure_ascii=False)


def item_of(record: Record, *, key: str, inputs: tuple[str, ...]) -> Item:
    """Return a record as an item that is not stored yet.

    Parameters
    ----------
    inputs
        The columns that the model reads, for rows of a table; the others are kept beside.

    Raises
    ------
    LimbeckError
        For a kind of row that no table can hold, and a row without the columns of the model.
    """
    kind = KINDS.get(record.kind)
    if kind is None or not (kind.one_text or in_columns(record.kind)):
        raise LimbeckError(_("Pictures and recordings cannot be imported from a table: ask a model about them."))
    if kind.one_text:
        content = record.content.get(TEXT, "")
        extra = {name: cell for name, cell in record.content.items() if name != TEXT}
    else:
        names = inputs or tuple(record.content)
        content = cells_json({name: record.content[name] for name in names if name in record.content})
        extra = {name: cell for name, cell in record.content.items() if name not in names}
        if isinstance(kept := record.more.get("content"), str):
            content = _checked(kept, content)
    if content in ("", "{}"):
        raise LimbeckError(_("The row has none of the columns that the model reads."))
    answer = record.answers[-1] if record.answers else Answer("")
    margin = answer.more.get("margin")
    return Item(
        key=key, source="import", kind=record.kind, content=content, extra=extra, model=answer.model[:100],
        version=answer.version[:16], label=answer.label[:LONGEST_CLASS], probability=answer.probability,
        probabilities=dict(answer.probabilities), given=str(record.more.get("given", ""))[:LONGEST_CLASS],
        margin=min(1.0, max(0.0, float(margin))) if isinstance(margin, int | float) else 0.0,
        wanted=2 if record.more.get("wanted") == 2 else 1,
    )  # fmt: skip


def key_of(record: Record, fresh: str) -> str:
    """Return the key of a record's item: that of its export, or ``fresh`` for a row that never was in one."""
    site = record.more.get("site")
    if not record.id or not isinstance(site, str):
        return fresh
    key = record.id if site == site_name() else f"{FROM}{site}:{record.id}"
    if len(key) > LONGEST_KEY:
        key = f"{FROM}{hashlib.sha256(key.encode()).hexdigest()[:40]}"
    return key


def review_of(said: Said, item: Item, *, key: str, people: Mapping[str, int], importer: int | None) -> Review:
    """Return what a record says as an answer to an item that is not stored yet.

    ``people`` is name -> number of the accounts that names of this file stand for. An answer without a name is the
    importer's.
    """
    at = moment(said.at)
    undone = said.more.get("undone_at")
    facts = said.more.get("facts")
    seconds = said.more.get("seconds")
    step = said.more.get("step", "review")
    return Review(
        item=item, key=key, source=PERSON,
        person_id=people.get(said.by) if said.by else importer,
        author="" if said.by in people else said.by[:LONGEST_NAME],
        step=step if step in ("review", "adjudication", "appeal") else "review", label=said.label[:LONGEST_CLASS],
        note=said.note[:2000], at=at, seconds=float(seconds) if isinstance(seconds, int | float) else None,
        undone_at=moment(undone) if isinstance(undone, str) else None,
        facts=dict(facts) if isinstance(facts, dict) else {},
        **{name: said.more.get(name) is True for name in _FLAGS},
    )  # fmt: skip


def settled(item: Item, record: Record, people: Mapping[str, int]) -> None:
    """Give a new item the final label that its record has."""
    item.state, item.final_label = record.state, record.label[:LONGEST_CLASS]
    if record.people:
        last = record.people[-1]
        item.final_by_id, item.reviewed_at = people.get(last.by), moment(last.at)
    else:
        item.reviewed_at = timezone.now()
    item.answers = sum(1 for one in record.people if one.more.get("step", "review") == "review")


def is_settled(record: Record) -> bool:
    """Whether a record has a final label, and nothing was said since."""
    return record.state in (REVIEWED, ADJUDICATED) and all("key" in one.more for one in record.reviews)


def moment(text: str) -> datetime.datetime:
    """Return a time that a file gives; now where it gives none, or one that no time zone can show."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or not 1900 <= found.year < 9000:
        return timezone.now()
    return found if timezone.is_aware(found) else found.replace(tzinfo=datetime.UTC)


def _said(one: Review) -> Said:
    more: dict[str, Any] = {"key": one.key, **{name: True for name in _FLAGS if getattr(one, name)}}
    if one.step != "review":
        more["step"] = one.step
    if one.seconds is not None:
        more["seconds"] = one.seconds
    if one.undone_at is not None:
        more["undone_at"] = one.undone_at.isoformat()
    if one.facts:
        more["facts"] = one.facts
    by = one.person.username if one.person else one.author
    return Said(one.label, by, one.at.isoformat(), one.source, one.note, one.stands, more)


def _opinion(one: Opinion) -> Said:
    more: dict[str, Any] = {"key": OPINION, "version": one.version}
    if one.facts:
        more["facts"] = one.facts
    return Said(one.label, one.author, one.at.isoformat(), one.source, more=more)


def opinion_of(said: Said, item: Item) -> Opinion:
    """Return what a record says that a model or a list of words said, as an opinion that is not stored yet."""
    facts = said.more.get("facts")
    version = said.more.get("version")
    return Opinion(
        item=item, source=said.source, author=said.by[:LONGEST_NAME], label=said.label[:LONGEST_CLASS],
        version=version[:32] if isinstance(version, str) else "", at=moment(said.at),
        facts=dict(facts) if isinstance(facts, dict) else {},
    )  # fmt: skip


def _checked(kept: str, content: str) -> str:
    """Return a content as it was stored, with its types, where its columns are still those of the row."""
    try:
        cells = json.loads(kept)
    except (ValueError, RecursionError):
        return content
    if not isinstance(cells, dict):
        return content
    same = {name: _shown(cell) for name, cell in cells.items() if cell not in (None, "")}
    return kept if same == json.loads(content) else content


def _shown(cell: Any) -> str:
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
