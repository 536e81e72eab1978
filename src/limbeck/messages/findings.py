"""What findings mean: which call for a look, and which say that something could not be read; decided by code."""

from __future__ import annotations

from limbeck.messages.message import Message, code_of

_UNREADABLE = frozenset(
    (
        "data.unreadable_rows",
        "data.unreadable_beats",
        "data.record_left_out",
        "data.picture_left_out",
        "data.more_pictures_left_out",
    )
)
# What calls for a look; the other findings say what was done about what is common.
_DOUBTFUL = _UNREADABLE | frozenset(
    (
        "data.no_label_left_out",
        "data.no_label_unlabelled",
        "data.files_left_out",
        "data.encoding_guessed",
        "data.split_by_beats",
        "data.conflicts",
        "data.exact_leak",
        "data.near_leak",
        "data.group_leak",
        "data.in_memory_few",
        "data.patients_left_out",
        "data.label_word",
        "data.misspelt",
        "masks.missing",
        "masks.missing_with_others",
        "evaluation.split_column",
        "evaluation.not_identified",
    )
)


def doubtful(finding: str) -> bool:
    """Return whether a finding calls for a look before figures are relied on; a plain string does not."""
    return code_of(finding) in _DOUBTFUL


def is_unreadable(finding: str) -> bool:
    """Return whether a finding says that a row, picture or record could not be read."""
    return code_of(finding) in _UNREADABLE


def reason_of(finding: str) -> str:
    """Return the reason that a finding gives, "" where it gives none."""
    reason = finding.values.get("reason") if isinstance(finding, Message) else None
    return reason if isinstance(reason, str) else ""
