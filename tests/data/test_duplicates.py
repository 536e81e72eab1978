"""Near copies are found, and nothing is merged that is not near."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.data.near_duplicates import conflicts, exact, join, near

TEXTS = st.lists(st.text(alphabet="ab好", max_size=12), max_size=25)


def jaccard(a: str, b: str) -> float:
    one, other = ({t.ljust(3, "\0")[i : i + 3] for i in range(max(1, len(t) - 2))} for t in (a, b))
    return len(one & other) / len(one | other)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.sampled_from([0.5, 0.8, 1.0]))
def test_every_member_of_a_group_has_a_near_copy_in_it(texts, threshold):
    groups = near(texts, threshold=threshold)
    for row, group in enumerate(groups):
        mates = [k for k in np.flatnonzero(groups == group) if k != row]
        assert not mates or max(jaccard(texts[row], texts[k]) for k in mates) >= threshold - 1e-9


@given(TEXTS)
def test_exact_groups_are_equality(texts):
    groups = exact(texts)
    assert all((groups[i] == groups[j]) == (texts[i] == texts[j]) for i in range(len(texts)) for j in range(i))


def test_edited_copies_are_found():
    random = np.random.default_rng(0)
    base = ["".join(map(chr, random.integers(0x4E00, 0x9FA5, 80))) for _ in range(300)]
    edited = [text[:40] + "改" + text[41:] for text in base]
    groups = near(base + edited)
    assert np.mean(groups[:300] == groups[300:]) > 0.99
    assert len(set(groups[:300].tolist())) == 300


def test_conflicts_and_join():
    assert conflicts(np.array([0, 0, 1, 1, 2]), [0, 1, 1, -1, 0]).tolist() == [0, 1]
    assert join(np.array([0, 0, 1, 2]), np.array([5, 6, 6, 7])).tolist() == [0, 0, 0, 1]
