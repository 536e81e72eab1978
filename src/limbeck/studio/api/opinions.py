"""Operations on opinions and lists of words."""

from __future__ import annotations

import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import File, Form, Router, Schema, Status, UploadedFile

from limbeck.studio.api.auth import ADMINISTER, Bearer
from limbeck.studio.api.detection import MOST, job_out, version_named
from limbeck.studio.api.refusals import REFUSED, refusing
from limbeck.studio.api.schemas import JobOut
from limbeck.studio.jobs import services as jobs
from limbeck.studio.opinions import second, words
from limbeck.studio.opinions.models import Opinion, WordList
from limbeck.studio.opinions.views import entries_in
from limbeck.studio.review.models import Item
from limbeck.studio.roles import Ability

router = Router(tags=["opinions"])
REVIEW = Bearer(Ability.REVIEW)


class OpinionOut(Schema):
    """What a language model or a list of words says of an item."""

    source: str
    author: str
    version: str
    label: str
    at: datetime.datetime


class WordListOut(Schema):
    """A list of words."""

    id: int
    name: str
    model: str
    version: str
    words: int


@router.get("/items/{int:number}/opinions", response={200: list[OpinionOut], **REFUSED}, auth=REVIEW)
def opinions(request: HttpRequest, number: int) -> Any:
    """List the opinions on an item; there is none before you have answered it."""
    return [_opinion(one) for one in second.shown_to(get_object_or_404(Item, pk=number), request.user)]


@router.post("/items/{int:number}/opinions", response={200: OpinionOut, **REFUSED}, auth=REVIEW)
def ask(request: HttpRequest, number: int) -> Any:
    """Ask for a second opinion on an item that you have answered."""
    with refusing():
        return _opinion(second.ask(get_object_or_404(Item, pk=number), by=request.user, request=request))


@router.get("/word-lists", response={200: list[WordListOut], **REFUSED}, auth=ADMINISTER)
def word_lists(request: HttpRequest) -> Any:
    """List the lists of words."""
    return [_words(one) for one in WordList.objects.all()[:MOST]]


@router.post("/word-lists", response={201: WordListOut, **REFUSED}, auth=ADMINISTER)
def keep_words(
    request: HttpRequest, name: str = Form(..., min_length=1, max_length=100), model: str = Form(..., max_length=100),
    file: UploadedFile = File(...),  # noqa: B008 - how ninja declares it
) -> Any:  # fmt: skip
    """Keep a list of words from a table with the columns word, class and note."""
    version = version_named(model)
    with refusing(400):
        entries = entries_in(file, version.name)
    return Status(201, _words(words.keep(name, version.name, entries, by=request.user, request=request)))


@router.post("/word-lists/{int:number}/apply", response={201: JobOut, **REFUSED}, auth=ADMINISTER)
def apply_words(request: HttpRequest, number: int) -> Any:
    """Start a job that compares the items of the model with a list."""
    found = get_object_or_404(WordList, pk=number)
    job = jobs.create("rules", found.name, {"words": found.pk}, by=request.user, request=request)
    return Status(201, job_out(job))


@router.delete("/word-lists/{int:number}", response={204: None, **REFUSED}, auth=ADMINISTER)
def delete_words(request: HttpRequest, number: int) -> Any:
    """Delete a list of words."""
    words.delete(get_object_or_404(WordList, pk=number), by=request.user, request=request)
    return Status(204, None)


def _opinion(one: Opinion) -> OpinionOut:
    return OpinionOut(source=one.source, author=one.author, version=one.version, label=one.label, at=one.at)


def _words(one: WordList) -> WordListOut:
    return WordListOut(id=one.pk, name=one.name, model=one.model, version=one.version, words=len(one.entries))
