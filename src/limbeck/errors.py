"""The one error type for what a user can fix, and the words that help to fix it.

The command line prints such an error as one line and exits with 2. Anything else that escapes is a
defect of ours and exits with 1.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from limbeck.messages.message import Message, as_json, code_of, message, stand_in

LONGEST = 1000  # characters of a fact
# Control characters, with which text from data could rewrite a terminal, and those that reorder what is around them.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a text for a terminal: what would steer it, an escape character say, is shown as its code."""
    return _UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


class LimbeckError(Exception):
    """Bad input: what is wrong, where, and how to fix it, in one line.

    Parameters
    ----------
    what
        The fact, in plain words.
    where
        File, row, column or recipe key; printed first.
    fix
        What to do about it; printed last.

    ``what`` and ``fix`` may be messages with a code, see `limbeck.messages.message`.

    Attributes
    ----------
    code
        What kind of error it is, for programs: ``bad-input``, or that of a subclass.
    """

    code: ClassVar[str] = "bad-input"

    def __init__(self, what: str, *, where: object = None, fix: str | None = None) -> None:
        what, fix = stand_in(what), stand_in(fix) if fix else fix
        what = what if len(what) <= LONGEST else f"{what[: LONGEST - 1]}…"  # it may quote what the data holds
        self.what, self.where, self.fix = what, where, fix
        line = f"{where}: {what}" if where is not None else what
        if fix:
            line += f"; {fix}"
        super().__init__(_one_line(line))

    def message(self, *, with_fix: bool = True) -> Message:
        """Return the line as a message, with or without how to fix it, for findings that name an error."""
        what = self.what if isinstance(self.what, Message) else message("error.what", what=_one_line(self.what))
        where = self.where if isinstance(self.where, Message) else _one_line(str(self.where))
        fix = self.fix if with_fix else None
        if self.where is None:
            return message("error.fix", what=what, fix=fix) if fix else what
        if fix:
            return message("error.at_fix", where=where, what=what, fix=fix)
        return message("error.at", where=where, what=what)

    def as_dict(self) -> dict[str, Any]:
        """Return the error as plain data, for programs that show it in their own way.

        Returns
        -------
        dict
            ``code`` (the kind of error), ``message`` (code and values of what is wrong, None for a sentence without
            a code), ``what``, ``where``, ``file``, ``row``, ``column`` and ``fix``; None where it is not known.
        """
        at = self.where.values if isinstance(self.where, Message) else {}
        file = self.where if isinstance(self.where, Path) else at.get("file")
        return {
            "code": self.code,
            "message": as_json(self.what),
            "what": str(self.what),
            "where": None if self.where is None else _one_line(str(self.where)),
            "file": None if file is None else _one_line(str(file)),
            "row": at.get("row"),
            "column": at.get("column"),
            "fix": None if self.fix is None else str(self.fix),
        }


def _one_line(text: str) -> str:
    """Return a text as an error prints it."""
    # A path may hold bytes that are no UTF-8, which no stream and no page takes.
    return printable(" ".join(text.split()).encode("utf-8", "backslashreplace").decode("utf-8"))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint, a message, that names the nearest known word, or all of them when none is near."""
    options = [_short(str(option)) for option in known]
    word = _short(word)
    near = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    if not near:
        lowered = {option.lower(): option for option in options}
        near = [lowered[match] for match in difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)]
    if near:
        return message("hint.did_you_mean", near=near[0])
    if not options:
        return message("hint.none")
    return message("hint.known_some" if len(options) > 12 else "hint.known", options=options[:12])


def names_one(hint: str) -> bool:
    """Return whether a hint of `did_you_mean` names a near word, rather than all words or none."""
    return code_of(hint) == "hint.did_you_mean"


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:79]}…"


def first_line(error: BaseException, longest: int = 160) -> str:
    """Return the first line of what another library says, or the name of its error where it says nothing."""
    return printable((str(error).strip() or type(error).__name__).splitlines()[0][:longest])


class MissingExtraError(LimbeckError):
    """An optional dependency is not installed: no row can be blamed for it."""

    code = "missing-extra"


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra: from the source, as no package index has this project."""
    return f'install it from the checkout: pip install -c constraints.txt -e ".[{extra}]"'


@contextmanager
def needing(package: str, extra: str, purpose: str) -> Iterator[None]:
    """Turn an import in the body that fails into `missing_extra`."""
    try:
        yield
    except ImportError as error:
        raise missing_extra(package, extra, purpose) from error


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """Return the error for an optional dependency that is not installed."""
    return MissingExtraError(
        f"{purpose} needs the package {package!r}, which is not installed",
        fix=how_to_install(extra),
    )
