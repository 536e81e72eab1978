"""No note of the trust report stays in one language: not those the calculators make, not those the sources hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from tests.relevance.simulate import teachers
from tests.sentences import literals

import limbeck
from limbeck import relevance
from limbeck.messages.notes import TEMPLATES, translated

HOME = Path(limbeck.__file__).parent
SOURCES = sorted((HOME / "relevance").rglob("*.py"))
SOURCES += sorted(file for file in (HOME / "training").rglob("*.py") if "notes" in file.read_text("utf-8"))
CHINESE = re.compile("[\u4e00-\u9fff]")


def panels():
    """Answers float[K, N, C] of every kind of panel that gets a note of its own."""
    spread = np.linspace(0.3, 2.5, 9)
    few, alike = teachers([1, 2, 1.5], 300)[0], teachers([2.5] * 8, 3000)[0]
    able = teachers(spread, 400)[0]
    yield few
    yield alike
    yield able
    yield few[:1]
    yield np.concatenate([few, few])
    yield np.concatenate([few[:1]] * 3)
    yield np.concatenate([able, able[:2], able[:1]])
    yield teachers([0] * 7, 400)[0]
    yield teachers(spread, 400, 3)[0]
    yield teachers(spread, 400, flipped=(2, 5))[0]
    yield teachers([1.5] * 9, 400, flipped=(0, 1, 2, 3))[0]
    yield teachers([1.5] * 3, 400, flipped=(0,))[0]
    yield np.full((5, 100, 2), [0.3, 0.7]) + np.arange(5)[:, None, None] * np.array([0.01, -0.01])
    silent = able.copy()
    silent[np.random.default_rng(0).random(able.shape[:2]) < 0.5] = np.nan
    yield silent


def made():
    """Every note that the calculators make of these panels."""
    rng = np.random.default_rng(0)
    for P in panels():
        K, N, C = P.shape
        features = rng.normal(size=(N, 4))
        results = [relevance.auto(P)]
        if N < 1000:
            results += [relevance.agreement(P), relevance.consensus(P, samples=20)]
            samples = [rng.normal(k, 1, size=(40, 4)) for k in range(K)]
            labels = [rng.integers(0, C, 40) for _ in range(K)]
            answers = [np.full((K, 40, C), 1 / C)] * K
            results += [relevance.auto(P, features), relevance.domain(P, features, samples)]
            results.append(relevance.domain(P, features, samples, labels, answers))
        results.append(relevance.reviewed(P, [0, 1, 2], [0, 1, 1], results[0]))
        yield from (note for result in results for note in result.notes)


def sentences():
    for source in SOURCES:
        for text in literals(ast.parse(source.read_text("utf-8"))):
            if re.fullmatch(r"[A-Z0-9][^\n]* [^\n]*\.", text):
                yield source.name, text


def test_every_sentence_in_the_sources_has_a_translation():
    found = dict.fromkeys(sentences())
    assert len(found) >= len(TEMPLATES) - 1
    assert [one for one in found if not translated(one[1]).known] == []


def test_no_template_is_left_over_from_a_sentence_that_is_gone():
    held = {translated(text).chinese for _, text in sentences()}
    filled = {re.sub(r"\{\w+\}", "3", template.chinese) for template in TEMPLATES}
    assert filled == {text for text in held if CHINESE.search(text)}


def test_the_walk_would_find_a_new_note():
    source = 'def f(n, told):\n    start = "A new"\n    return [f"{start}: {n} rows." + " More " + told + "."]\n'
    assert "A new: 3 rows. More 3." in set(literals(ast.parse(source)))
    assert not translated("A new: 3 rows. More 3.").known


def test_every_note_that_the_calculators_make_has_a_translation():
    notes = set(made())
    assert [note for note in notes if not translated(note).known] == []
    assert all(CHINESE.search(translated(note).chinese) for note in notes)
    assert all(translated(note).english == note for note in notes)
    meant = {translated(note).means for note in notes}
    assert meant == {"", "doubt", "uniform", "alone", "weighed", "reviewed"}


def test_both_languages_fill_in_the_same_things():
    for template in TEMPLATES:
        assert set(re.findall(r"\{\w+\}", template.english)) == set(re.findall(r"\{\w+\}", template.chinese))
        assert CHINESE.search(template.chinese)


def test_teachers_are_named_and_names_are_never_misquoted():
    names = ["hotel", "rock and roll", "{teachers}"]
    said = translated("Teachers 0 and 1 answer alike and count as one.", names)
    assert said.english == "Teachers hotel and rock and roll answer alike and count as one."
    assert said.chinese == "教师模型 hotel、rock and roll 的回答几乎相同，合并计为一个。"
    listed = translated(
        "Teachers hotel, rock and roll speak against the common answer or say nothing: left out.", names
    )
    assert "rock and roll" in listed.chinese
    assert (
        "{teachers}" in translated("Teachers 2, 9 speak against the common answer or say nothing: left out.", names)[1]
    )


@pytest.mark.parametrize("note", ["A sentence of tomorrow.", "", "Use uniform: x", "0 reviewed labels were used.\n"])
def test_an_unknown_note_stays_as_it_is(note):
    assert translated(note)[:2] == (note, note)


def test_a_hostile_note_costs_no_time():
    for note in ("Teachers " * 10_000, "Teachers 0" + ", 0" * 9000 + " answer alike", "1" * 90_000, "1, " * 30_000):
        assert len(translated(note).english) <= 2000
