"""Operations on items under review: list, claim, answer, undo, appeal, adjudicate, figures."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from limbeck.studio.api.auth import DETECT, REVIEW
from limbeck.studio.api.detection import MOST
from limbeck.studio.api.refusals import REFUSED, refusing
from limbeck.studio.api.review.schemas import (
    AnswerIn,
    AppealIn,
    ItemOut,
    ItemsOut,
    KeptOut,
    OrderName,
    QualityOut,
    SortName,
    StateName,
    TakenOut,
    WaitingItem,
)
from limbeck.studio.jobs import services as jobs
from limbeck.studio.review.models import Item
from limbeck.studio.review.services.adding.send import send_job
from limbeck.studio.review.services.answers.adjudicate import adjudicate, appeal
from limbeck.studio.review.services.answers.answer import Answer, answer, undo
from limbeck.studio.review.services.display.history import history
from limbeck.studio.review.services.display.listing import Wanted, listed
from limbeck.studio.review.services.quality import agreement, audit
from limbeck.studio.review.services.quality.seen import listable, note_seen
from limbeck.studio.review.services.queue.next import MOST as AT_ONCE
from limbeck.studio.review.services.queue.next import next_items

router = Router(tags=["review"])


@router.get("/review/items", response={200: ItemsOut, **REFUSED}, auth=REVIEW)
def items(
    request: HttpRequest, model: str = "", label: str = "", state: StateName = "", source: str = "", q: str = "",
    job: int | None = Query(None, ge=1, lt=2**63), sort: SortName = "newest", after: str = "",
    limit: int = Query(50, ge=1, le=MOST),
) -> Any:  # fmt: skip
    """List items; ``after`` is that of the page before, and "" in the last one."""
    wanted = Wanted(q=q[:100], model=model, label=label, state=state, source=source, job=job, sort=sort)
    page = listed(wanted, after, limit)
    return {"items": [_item(one) for one in listable(request.user, page.rows)], "after": page.after}


@router.get("/review/items/{int:number}", response={200: ItemOut, **REFUSED}, auth=REVIEW)
def item(request: HttpRequest, number: int) -> Any:
    """Return an item with its history; of a blind item that is not done, without both answers."""
    found = get_object_or_404(Item, pk=number)
    note_seen(request.user, [found.pk])
    return _item(found, with_history=True)


@router.post("/review/next", response={200: list[WaitingItem], **REFUSED}, auth=REVIEW)
def claim(
    request: HttpRequest, model: str, count: int = Query(1, ge=1, le=AT_ONCE), order: OrderName = ""
) -> Any:  # fmt: skip
    """Claim the next items of a model. They go back to the queue when the time of the policy is up."""
    found = next_items(request.user, model, count, order=order)
    return [_waiting(one) for one in found]


@router.post("/review/answers", response={201: KeptOut, **REFUSED}, auth=REVIEW)
def give(request: HttpRequest, data: AnswerIn) -> Any:
    """Answer an item. The same ``key`` again changes nothing."""
    with refusing():
        kept = answer(Answer(**data.model_dump()), by=request.user, request=request)
    return Status(201, {"key": kept.review.key, "item": kept.item.pk, "late": kept.late})


@router.delete("/review/answers/{str:key}", response={200: TakenOut, **REFUSED}, auth=REVIEW)
def take_back(request: HttpRequest, key: str) -> Any:
    """Undo an answer of one's own."""
    with refusing():
        return {"item": undo(key, by=request.user, request=request).pk}


@router.post("/review/items/{int:number}/appeal", response={200: TakenOut, **REFUSED}, auth=REVIEW)
def ask_again(request: HttpRequest, number: int, data: AppealIn) -> Any:
    """Ask for another look at a final label."""
    with refusing():
        return {"item": appeal(number, data.key, data.note, by=request.user, request=request).pk}


@router.post("/review/items/{int:number}/decision", response={200: TakenOut, **REFUSED}, auth=REVIEW)
def decide(request: HttpRequest, number: int, data: AnswerIn) -> Any:
    """Decide a disputed item; ``item`` of the body is not read."""
    given = Answer(number, data.key, data.label, note=data.note, seconds=data.seconds)
    with refusing():
        return {"item": adjudicate(given, by=request.user, request=request).pk}


@router.post("/jobs/{int:number}/review", response={201: TakenOut, **REFUSED}, auth=DETECT)
def send(request: HttpRequest, number: int) -> Any:
    """Send the answers of a finished batch to review; returns the number of the job that does so."""
    found = get_object_or_404(jobs.visible(request.user), pk=number, kind="batch", state="finished")
    return Status(201, {"item": None, "job": send_job(found, by=request.user, request=request).pk})


@router.get("/review/quality/{str:model}", response={200: QualityOut, **REFUSED}, auth=REVIEW)
def figures(request: HttpRequest, model: str) -> Any:
    """Return the accuracy of a model on the random audit and how far people agree."""
    share, agreed = audit.audited(model), agreement.agreement(model)
    return {
        "accuracy": share.accuracy, "low": share.low, "high": share.high, "audited": share.rows,
        "fleiss": agreed.fleiss, "blind": agreed.rows,
        "pairs": [{"rows": one.rows, "equal": one.equal, "kappa": one.kappa} for one in agreed.pairs],
    }  # fmt: skip


def _waiting(found: Item) -> dict[str, Any]:
    blind = found.wanted > 1
    return {
        "id": found.pk, "kind": found.kind, "content": found.content, "blind": blind,
        "label": None if blind else found.label, "probability": None if blind else found.probability,
        "probabilities": None if blind else found.probabilities,
    }  # fmt: skip


def _item(found: Item, *, with_history: bool = False) -> dict[str, Any]:
    hidden = found.wanted > 1 and not found.done
    events = history(found) if with_history and not hidden else []
    return _waiting(found) | {
        "blind": hidden, "label": None if hidden else found.label,
        "probability": None if hidden else found.probability,
        "probabilities": None if hidden or not with_history else found.probabilities,
        "model": found.model, "version": found.version, "source": found.source, "job": found.job_id, "row": found.row,
        "state": found.state, "disputed": found.disputed, "final_label": found.final_label,
        "reviewed_at": found.reviewed_at, "audit": found.audit, "inclusion": found.inclusion,
        "history": [
            {"at": one.at, "who": one.who, "what": one.what, "label": one.label, "note": one.note, "undone": one.undone}
            for one in events
        ],
    }  # fmt: skip
