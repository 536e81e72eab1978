"""Both catalogues hold every code that the sources use, and nothing else, with the same places, and are compiled."""

from __future__ import annotations

import ast
import gettext
import io
import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import limbeck
from limbeck.messages.message import LANGUAGES, LOCALE, template

HOME = Path(limbeck.__file__).parent
CHINESE = re.compile("[\u4e00-\u9fff]")
QUOTED = re.compile(r"""\"([^\"]*)\"|'([^']*)'""")
SAME = {"report.f1": "F1", "report.boxes_ap": "AP"}  # what the field writes alike in both languages
PLACE = re.compile(r"\{(\w+)(?:!r)?(?::[^{}]*)?\}")


@cache
def catalogue(language):
    with (LOCALE / language / "LC_MESSAGES" / "limbeck.po").open("rb") as file:
        return read_po(file, locale=language)


def texts(language, code):
    found = catalogue(language).get(code)
    return (found.string,) if isinstance(found.string, str) else found.string


def codes():
    return [entry.id if isinstance(entry.id, str) else entry.id[0] for entry in catalogue("en") if entry.id]


def constants(node):
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


@cache
def calls():
    """(file, code or None, names of values or None) of each call of `message` in the sources."""
    found = []
    for file in sorted(HOME.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "message" and node.args:
                named = {one.arg for one in node.keywords}
                code = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
                tests = {
                    id(part) for one in ast.walk(node) if isinstance(one, ast.IfExp) for part in ast.walk(one.test)
                }
                given = [code] if code else [
                    one.value for one in ast.walk(node.args[0])
                    if isinstance(one, ast.Constant) and isinstance(one.value, str) and "." in one.value
                    and id(one) not in tests
                ]  # fmt: skip
                found += [(file.name, one, None if None in named else named) for one in given]
    return found


@pytest.mark.parametrize("language", LANGUAGES.values())
def test_the_compiled_catalogue_is_that_of_the_source(language):
    fresh = io.BytesIO()
    write_mo(fresh, catalogue(language))
    compiled = (LOCALE / language / "LC_MESSAGES" / "limbeck.mo").read_bytes()
    told = [gettext.GNUTranslations(io.BytesIO(data))._catalog for data in (fresh.getvalue(), compiled)]
    for one in told:
        one.pop("")  # the header has the time
    assert told[0] == told[1], "run `make messages`"


def test_every_code_is_translated_with_the_same_places():
    assert [entry.id for entry in catalogue("zh_CN")] == [entry.id for entry in catalogue("en")]
    for code in codes():
        english, chinese = ({frozenset(PLACE.findall(text)) for text in texts(x, code)} for x in ("en", "zh_CN"))
        assert set().union(*english) == set().union(*chinese), code
        assert all(texts("en", code)) and all(texts("zh_CN", code)), code
        if code in SAME:
            assert texts("zh_CN", code) == texts("en", code) == (SAME[code],)
            continue
        words = re.search("[A-Za-z]", PLACE.sub("", texts("en", code)[0]))
        assert not words or CHINESE.search(texts("zh_CN", code)[0]), code
        assert not CHINESE.search(texts("en", code)[0]), code
        assert template(code, "zh", 2) in texts("zh_CN", code)
        assert template(code, "en", 1) == texts("en", code)[0]


def test_every_code_of_the_sources_is_in_the_catalogues_and_gives_what_the_text_needs():
    known = set(codes())
    assert [one for one in calls() if one[1] not in known] == []
    for file, code, given in calls():
        needed = {place for text in texts("en", code) for place in PLACE.findall(text)}
        assert given is None or needed <= given, (file, code)
        assert given is None or given - needed <= {"count"}, (file, code)


def test_no_code_is_left_over_in_the_catalogues():
    used, label = names(), "report."
    assert [code for code in codes() if code not in used and not (code.startswith(label) and put(code[7:], used))] == []


@cache
def names():
    """Every text of the sources and pages, and every name of a field or argument, which may be the key of a label."""
    found = {text for file in HOME.rglob("*.html") for pair in QUOTED.findall(file.read_text("utf-8")) for text in pair}
    for file in HOME.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return found


def put(key, used):
    """Whether a label's key is there, or is put together from two that are: "about_" and "ece", "train" and " rows"."""
    return key in used or any({key[:at], key[at:]} <= used for at in range(1, len(key)))


def test_one_row_and_many_are_told_apart():
    plural = [code for code in codes() if len(texts("en", code)) > 1]
    for code in plural:
        assert template(code, "en", 1) != template(code, "en", 2)
