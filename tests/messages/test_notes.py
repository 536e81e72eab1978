"""Every note that the calculators make is a message, and says of the panel what its code says."""

from __future__ import annotations

import re

import numpy as np
from tests.relevance.simulate import teachers

from limbeck import relevance
from limbeck.messages.judgements import Judgement, judgements
from limbeck.messages.message import Message, render, shown_as_codes

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


def test_every_note_of_the_calculators_is_a_message_in_both_languages():
    notes = list(made())
    assert all(isinstance(note, Message) for note in notes)
    assert all(CHINESE.search(render(note, "zh")) for note in notes)
    assert judgements(notes) == set(Judgement) - {Judgement.BESIDE}


def test_what_a_note_says_of_the_panel_does_not_hang_on_its_words():
    for P in panels():
        plain = relevance.auto(P)
        with shown_as_codes():
            coded = relevance.auto(P)
        np.testing.assert_array_equal(plain.probabilities, coded.probabilities)
        assert plain.judgements == coded.judgements
        assert [note.code for note in plain.notes] == [str(note) for note in coded.notes]
