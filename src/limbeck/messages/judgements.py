"""What the notes on teachers say of a panel as a whole: decided by their codes, never by their texts."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from limbeck.messages.message import code_of


class Judgement(StrEnum):
    """One thing that can be said of a panel of teachers."""

    DOUBT = "doubt"  # do not trust them
    UNIFORM = "uniform"  # their trust cannot be told apart
    WEIGHED = "weighed"  # they agree, and differ
    ALONE = "alone"  # one teacher
    BESIDE = "beside"  # one teacher, and labels
    REVIEWED = "reviewed"  # labels of people were used


_OF = {
    "teachers.one": Judgement.ALONE,
    "teachers.one_with_labels": Judgement.BESIDE,
    "teachers.constant": Judgement.DOUBT,
    "teachers.chance": Judgement.DOUBT,
    "teachers.camps": Judgement.DOUBT,
    "teachers.no_common_answer": Judgement.DOUBT,
    "teachers.no_consensus": Judgement.DOUBT,
    "teachers.few": Judgement.UNIFORM,
    "teachers.alike": Judgement.UNIFORM,
    "teachers.unsettled": Judgement.UNIFORM,
    "teachers.domain_won": Judgement.WEIGHED,
    "teachers.replayed": Judgement.WEIGHED,
    "teachers.dawid_skene": Judgement.WEIGHED,
    "teachers.one_factor": Judgement.WEIGHED,
    "teachers.reviewed": Judgement.REVIEWED,
}


def judgements(notes: Iterable[str]) -> frozenset[Judgement]:
    """Return what the messages among some notes say of the panel; a plain string says nothing."""
    return frozenset(_OF[code] for code in map(code_of, notes) if code in _OF)
