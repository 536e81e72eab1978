"""N-grams are found where they stand, with the ids that a bag has."""

import numpy as np
import pytest

from limbeck.kinds.text.encoding.ngrams import Ngrams
from limbeck.kinds.text.explaining.gram_places import gram_places
from limbeck.recipe import Input

TEXTS = ["物流很快，水果新鲜", "a b a b", "", "\ud800好"]


@pytest.mark.parametrize("buckets", [0, 997])
@pytest.mark.parametrize("words", [0, 2])
def test_the_ids_are_those_of_the_bag_and_the_places_hold_the_text(buckets, words):
    settings = Input(encoder="ngrams", ngrams=(1, 3), word_ngrams=words, buckets=buckets, min_count=1)
    grams = Ngrams.fit([*TEXTS, "水果不新鲜"], settings)
    bags = grams.encode(TEXTS, 100)
    for at, text in enumerate(TEXTS):
        ids, first, behind = gram_places(grams, text)
        known, counts = np.unique(ids, return_counts=True)
        assert known.tolist() == bags.row(at).tolist()
        weights = (1 + np.log(counts)) / np.linalg.norm(1 + np.log(counts))
        np.testing.assert_allclose(bags.take(np.array([at])).weights, weights, rtol=1e-5)
        assert ((first >= 0) & (first <= behind) & (behind <= len(text))).all()


def test_a_bigram_that_stands_twice_is_found_twice():
    grams = Ngrams(Input(encoder="ngrams", ngrams=(2, 2), buckets=2**20))
    ids, first, behind = gram_places(grams, "好吃好吃")
    twice = [at for at in range(len(ids)) if (ids == ids[at]).sum() == 2]
    assert [(first[at], behind[at]) for at in twice] == [(0, 2), (2, 4)]
