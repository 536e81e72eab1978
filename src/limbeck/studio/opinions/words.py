"""Lists of words from a table, as a `rule:` model: the first class one of whose words occurs in a text is named.

The list becomes the source of the teacher of rules (`limbeck.teachers.rule`), which answers here and, under the same
text, in a recipe. Capital letters do not matter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from limbeck.data.tables.read import read
from limbeck.errors import LimbeckError
from limbeck.recipe import Task
from limbeck.recipe import Teacher as Spec
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.opinions.models import WordList
from limbeck.teachers.base import Place
from limbeck.teachers.rule import Rules

MOST_WORDS, LONGEST_WORD, LONGEST_NOTE = 20_000, 100, 200
COLUMNS = ("word", "class", "note")
_NAMES = {
    "word": ("word", "词", "敏感词", "词语"),
    "class": ("class", "label", "类别", "标签"),
    "note": ("note", "备注"),
}
_PATTERN = 8_000  # characters of one pattern; the language of rules takes 10,000
_MEANING = frozenset("\\.+*?()|[]{}^$#&-~")
Entry = tuple[str, str, str]  # word, class, note


def entries_of(path: Path, classes: Sequence[str]) -> list[Entry]:
    """Return the words of a table with the columns word, class and note.

    Raises
    ------
    LimbeckError
        For a table without the first two columns, a row that is damaged, and a class that does not exist; with the
        row.
    """
    frame = read(path).frame
    lowered = {name.strip().lower(): name for name in frame.columns}
    found = {name: next((lowered[one] for one in names if one in lowered), None) for name, names in _NAMES.items()}
    if found["word"] is None or found["class"] is None:
        raise LimbeckError(_("The table needs the columns word and class."))
    if frame.height > MOST_WORDS:
        raise LimbeckError(_("A list has at most %(most)d words.") % {"most": MOST_WORDS})
    entries: dict[str, Entry] = {}
    for number, cells in enumerate(frame.iter_rows(named=True), 1):
        word, label, note = (_cell(cells, found[name]) for name in COLUMNS)
        if not word and not label:
            continue
        where = {"row": number}
        if not word or len(word) > LONGEST_WORD or not word.isprintable():
            raise LimbeckError(_("Row %(row)d has no word of at most 100 characters.") % where)
        if label not in classes:
            told = _("Row %(row)d: the class “%(label)s” does not exist.")
            raise LimbeckError(told % {**where, "label": label[:100]})
        entries.setdefault(word.lower(), (word, label, note[:LONGEST_NOTE]))
    if not entries:
        raise LimbeckError(_("The table has no words."))
    return list(entries.values())


def source_of(entries: Sequence[Sequence[str]], column: str = "text") -> str:
    """Return a list as the source of a teacher, ``rule:…``; classes in the order in which they first occur."""
    by_class: dict[str, list[str]] = {}
    for word, label, *_note in entries:
        by_class.setdefault(label, []).append(_literal(word))
    rules = [
        f"matches({column}, {json.dumps(pattern, ensure_ascii=False)}) -> {_quoted(label)}"
        for label, words in by_class.items()
        for pattern in _patterns(words)
    ]
    return "rule:" + "; ".join(rules)


def teacher(entries: Sequence[Sequence[str]], classes: Sequence[str]) -> Rules:
    """Return a list as a teacher that reads ``text``."""
    spec = Spec(name="words", source=source_of(entries))
    task = Task(kind="text", classes=list(classes))
    return Rules(Place(spec, spec.source.removeprefix("rule:"), tuple(classes), task))


def answered(entries: Sequence[Sequence[str]], classes: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return the class that a list gives to each text, "" where none of its words occurs."""
    table = teacher(entries, classes).answer(pl.DataFrame({"text": list(texts)}, schema={"text": pl.String}))
    return [classes[int(row.argmax())] if np.isfinite(row).all() else "" for row in table]


def words_in(entries: Sequence[Sequence[str]], text: str, most: int = 20) -> list[str]:
    """Return the words of a list that occur in a text."""
    lowered = text.lower()
    return [word for word, *_rest in entries if word.lower() in lowered][:most]


def recipe_part(words: WordList) -> str:
    """Return a list as the entry of a teacher in a recipe."""
    source = json.dumps(source_of(words.entries), ensure_ascii=False)  # a basic string of TOML has the same escapes
    return f"[[teachers]]\nname = {json.dumps(words.name, ensure_ascii=False)}\nsource = {source}\n"


def keep(
    name: str, model: str, entries: list[Entry], *, by: User, request: HttpRequest | None = None
) -> WordList:  # fmt: skip
    """Keep a list; one of the same name is replaced."""
    version = hashlib.sha256(json.dumps(entries, ensure_ascii=False).encode()).hexdigest()[:16]
    values = {"model": model, "entries": entries, "version": version, "created_by": by}
    with transaction.atomic():
        found, _made = WordList.objects.update_or_create(name=name, defaults=values)
        target = f"words:{found.pk}"
        record("words.keep", actor=by.pk, target=target, request=request, words=len(entries), version=version)
    return found


def delete(words: WordList, *, by: User, request: HttpRequest | None = None) -> None:
    """Delete a list; what it said of items stays."""
    with transaction.atomic():
        record("words.delete", actor=by.pk, target=f"words:{words.pk}", request=request)
        words.delete()


def _cell(cells: Mapping[str, object], name: str | None) -> str:
    found = None if name is None else cells[name]
    return "" if found is None else str(found).strip()


def _quoted(label: str) -> str:
    """Return a class as the language of rules reads it: between quotes that it does not hold."""
    return f"'{label}'" if '"' in label else f'"{label}"'


def _literal(word: str) -> str:
    return "".join(f"\\{sign}" if sign in _MEANING else sign for sign in word)


def _patterns(words: Sequence[str]) -> list[str]:
    """Return words as alternatives, in as many patterns as it takes."""
    patterns, held = [], "(?i)"
    for word in words:
        if len(held) + len(word) > _PATTERN:
            patterns.append(held)
            held = "(?i)"
        held += word if held == "(?i)" else f"|{word}"
    return [*patterns, held]
