"""Messages as data: a code, named values, and a text in English or Chinese that a catalogue of gettext holds.

A `Message` is a `str` whose text is the English one, so a terminal, a log or a JSON file takes it as it is. Code that
has to decide something asks for ``code`` and ``values`` and never reads the text: see `shown_as_codes`.

The catalogues stand in ``locale/LANGUAGE/LC_MESSAGES/limbeck.po``. Their places are ``{name}``: whole numbers get
thousands separators, lists are joined as the language does it, ``{name!r}`` quotes, and ``{name:.1%}`` formats as
Python does.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias
from zlib import crc32

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = {"en": "en", "zh": "zh_CN"}  # as the report names it -> as gettext does

Plain: TypeAlias = "str | int | float | bool | None"
Value: TypeAlias = "Plain | tuple[Value, ...]"

_PLACE = re.compile(r"\{(\w+)(!r)?(?::([^{}]*))?\}")
_DEEPEST = 8  # messages within messages that are read from a file
_MOST_VALUES = 20_000
_as_codes = False


class Message(str):
    """A text with the ``code`` and the ``values`` that it was made of; it never changes.

    Two messages are equal when their codes and values are; a message equals a plain string of the same text.
    """

    __slots__ = ("code", "values")
    code: str
    values: Mapping[str, Value]

    def __new__(cls, text: str, code: str, values: Mapping[str, Value]) -> Message:  # noqa: D102 - see the class
        made = super().__new__(cls, text)
        object.__setattr__(made, "code", code)
        object.__setattr__(made, "values", MappingProxyType(dict(values)))
        return made

    def with_values(self, **values: object) -> Message:
        """Return the same message with other values."""
        return message(self.code, **{**self.values, **values})

    def in_one_line(self) -> Message:
        """Return the message with its blanks and line breaks joined in the text."""
        return Message(" ".join(self.split()), self.code, self.values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a message does not change: {name}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Message):
            return self.code == other.code and dict(self.values) == dict(other.values)
        return str.__eq__(self, other) if isinstance(other, str) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __copy__(self) -> Message:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Message:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (str(self), self.code, dict(self.values))


def message(code: str, /, **values: object) -> Message:
    """Return the message of a code.

    Parameters
    ----------
    code
        A key of the catalogues, such as ``data.empty_dropped``.
    values
        What its places are filled with: text, numbers (NumPy's too), paths, messages, None, and lists of these.
    """
    plain = {name: _plain(value) for name, value in values.items()}
    return Message(_text(code, plain, "en"), code, plain)


def render(text: str, language: str = "en") -> str:
    """Return a message in ``language``, "en" or "zh"; a plain string as it is."""
    return _text(text.code, text.values, language) if isinstance(text, Message) else text


def both(text: str) -> tuple[str, str]:
    """Return (English, Chinese) of a message; of a plain string the same twice."""
    return render(text, "en"), render(text, "zh")


def code_of(text: str) -> str:
    """Return the code of a message, "" for a plain string."""
    return text.code if isinstance(text, Message) else ""


def stored(texts: Sequence[str]) -> list[dict[str, Any] | None]:
    """Return codes and values as JSON holds them beside the texts; None for a plain string."""
    return [as_json(text) for text in texts]


def as_json(text: str) -> dict[str, Any] | None:
    """Return ``{"code", "values"}`` of a message as JSON holds it, None for a plain string."""
    if not isinstance(text, Message):
        return None
    return {"code": text.code, "values": {name: _json(value) for name, value in text.values.items()}}


def restored(texts: Sequence[str], beside: object) -> list[str]:
    """Return the messages of texts from a file and of what `stored` put beside them.

    The file may come from anywhere and may be older or newer: a text whose message is missing, unknown or misshapen
    stays as it is.
    """
    kept = beside if isinstance(beside, list) and len(beside) == len(texts) else [None] * len(texts)
    return [from_json(one, text) for text, one in zip(texts, kept, strict=True)]


def from_json(raw: object, text: str) -> str:
    """Return the message that `as_json` gave, or ``text`` where ``raw`` is no message that can be shown."""
    try:
        found = _read(raw, [_MOST_VALUES], _DEEPEST)
        for language in LANGUAGES:
            render(found, language)
    except (KeyError, TypeError, ValueError, OverflowError):
        return text
    return found


def stand_in(text: str) -> str:
    """Return a sentence that has no code yet as it is; inside `shown_as_codes` as a mark that is the same each time."""
    return (
        f"text-{crc32(text.encode('utf-8', 'surrogatepass')):08x}"
        if _as_codes and not isinstance(text, Message)
        else text
    )


@contextmanager
def shown_as_codes() -> Iterator[None]:
    """Make the text of every message its code, and of other errors a mark, for tests that no decision reads a text.

    It holds for the whole process, so it is not for two threads that want different texts.
    """
    global _as_codes
    before, _as_codes = _as_codes, True
    try:
        yield
    finally:
        _as_codes = before


def template(code: str, language: str, count: object = None) -> str:
    """Return the text of a code with its places still open; the code itself where the catalogue lacks it."""
    found = _catalogue(LANGUAGES[language])
    if isinstance(count, int) and (text := found.ngettext(code, code, count)) != code:
        return text
    return found.gettext(code)


@cache
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation("limbeck", LOCALE, languages=[name])


def _text(code: str, values: Mapping[str, Value], language: str) -> str:
    if _as_codes:
        return code
    # Not str.format: values are data, and data may itself hold braces.
    return _PLACE.sub(_filler(values, language), template(code, language, values.get("count")))


def _filler(values: Mapping[str, Value], language: str) -> Callable[[re.Match[str]], str]:
    def fill(place: re.Match[str]) -> str:
        if place[1] not in values:
            return place[0]
        return _shown(values[place[1]], place[2] is not None, place[3] or "", language)

    return fill


def _shown(value: Value, quoted: bool, form: str, language: str) -> str:
    if isinstance(value, tuple):
        return ("、" if language == "zh" else ", ").join(_shown(one, quoted, form, language) for one in value)
    if isinstance(value, Message):
        value = render(value, language)
    if quoted:
        return repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return format(value, form or ",")
    return format(value, form) if form else str(value)


def _plain(value: Any) -> Value:
    """Return a value as a message keeps it: NumPy's numbers as Python's, paths as text, lists as tuples."""
    if value is None or (isinstance(value, str | bool | int | float) and not hasattr(value, "tolist")):
        return value
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def _json(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    return as_json(value) if isinstance(value, Message) else value


def _read(raw: object, left: list[int], deep: int) -> Message:
    """Return a message from JSON; ``left`` is the number of values that may still come."""
    if not isinstance(raw, dict) or deep < 1:
        raise TypeError("no message")
    code, values = raw["code"], raw["values"]
    if not isinstance(code, str) or not isinstance(values, dict) or template(code, "en", values.get("count")) == code:
        raise KeyError("unknown message")
    found = {str(name): _value(one, left, deep) for name, one in values.items()}
    return Message(_text(code, found, "en"), code, found)


def _value(raw: object, left: list[int], deep: int) -> Value:
    left[0] -= 1
    if left[0] < 0:
        raise ValueError("too many values")
    if isinstance(raw, list):
        return tuple(_value(one, left, deep - 1) if deep > 0 else _refuse() for one in raw)
    if isinstance(raw, dict):
        return _read(raw, left, deep - 1)
    if raw is None or isinstance(raw, str | bool | int | float):
        return raw
    raise TypeError("no value")


def _refuse() -> Value:
    raise TypeError("too deep")
