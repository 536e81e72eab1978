"""An encoder gives a text the same ids alone, in a batch, and read back from its file; nothing in a text stops it."""

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.kinds.text.encode import TEXT_ENCODERS, TextInput
from limbeck.kinds.text.encoding.tokens import FIRST, LAST, SPECIAL, UNKNOWN
from limbeck.recipe import Input
from small import reviews

TEXTS = [row["text"] for row in reviews(120)]
ODD = [
    "",
    " \t\n",
    "物流很快",
    "Mixed 中文 and English, 123！",
    "👩‍👩‍👧 🍎",
    "ａｂｃ",
    "\ud800坏的\udfff",
    "\x00\x07",
    "好" * 500,
]


def settings(encoder, **more):
    return Input.model_validate({"encoder": encoder, "max_length": 16, "vocabulary": 600, "buckets": 4096, **more})


def same(left, right):
    arrays = [(left.values, right.values), (left.offsets, right.offsets)]
    weights = [(left.weights, right.weights)] if left.weights is not None else []
    return all(np.array_equal(a, b) for a, b in arrays + weights)


@pytest.fixture(scope="module", params=[*TEXT_ENCODERS, "ngrams with words", "words without stop words"])
def encoder(request):
    name, _, more = request.param.partition(" with")
    options = {"word_ngrams": 2} if more == " words" else {"stop_words": True} if more else {}
    return TextInput.fit(settings(name, **options), TEXTS)


def test_it_comes_back_from_its_file_the_same(encoder, tmp_path):
    encoder.save(tmp_path)
    back = TextInput.load(encoder.settings, tmp_path)
    assert same(back.encode(TEXTS + ODD), encoder.encode(TEXTS + ODD))
    assert (back.size, back.pad, back.tokens) == (encoder.size, encoder.pad, encoder.tokens)


def test_a_text_has_the_same_ids_alone_and_in_any_batch(encoder):
    texts = TEXTS[:30] + ODD
    together = encoder.encode(texts)
    assert len(together) == len(texts)
    assert len(encoder.encode([])) == 0
    for number, text in enumerate(texts):
        assert same(together.take(np.array([number])), encoder.encode([text])), text


def test_ids_stay_inside_the_table_and_rows_inside_the_longest_length(encoder):
    rows = encoder.encode(TEXTS + ODD)
    assert rows.values.min() >= 0
    assert rows.values.max() < encoder.size
    if encoder.settings.encoder != "ngrams":
        assert rows.lengths.max() == encoder.settings.max_length


@pytest.mark.timeout(120)  # a guard against work without end, not a measurement
def test_a_text_of_5_mb_is_encoded_in_seconds(encoder):
    assert len(encoder.encode(["物流很快，水果新鲜。" * 500_000])) == 1


@pytest.mark.parametrize("name", TEXT_ENCODERS)
def test_lone_surrogates_pass_even_when_cleaning_is_off(name):
    wish = settings(name, word_ngrams=1, clean={"control": False})
    rows = TextInput.fit(wish, TEXTS).encode(["好\ud800的东西", "\udfff"])
    assert len(rows) == 2


def test_characters_and_words_never_seen_share_the_unknown_id():
    characters = TextInput.fit(settings("characters", min_count=1), ["好好坏"])
    assert characters.tokens == [*SPECIAL, "好", "坏"]
    assert characters.encode(["坏龘好"]).row(0).tolist() == [6, UNKNOWN, 5]
    words = TextInput.fit(settings("words", min_count=1), ["物流很快"])
    assert words.encode(["龘"]).row(0).tolist() == [UNKNOWN]


def test_the_vocabulary_keeps_the_most_frequent_and_ties_do_not_depend_on_the_order_of_rows():
    wish = settings("characters", vocabulary=16, min_count=2)
    texts = ["甲乙丙丁" * 3, "天地人" * 2, "一二三四五六七八九十" * 2, "只"]
    one, other = (TextInput.fit(wish, order) for order in (texts, texts[::-1]))
    assert one.tokens == other.tokens
    assert len(one.tokens) == 16
    assert set("甲乙丙丁") == set(one.tokens[5:9])
    assert "只" not in one.tokens


def test_stop_words_are_left_out_shipped_or_from_a_file(tmp_path):
    (tmp_path / "stop.txt").write_text("\ufeff物流\n", encoding="utf-8")
    own = TextInput.fit(settings("words", stop_words=str(tmp_path / "stop.txt"), min_count=1), ["物流很快"])
    assert "物流" not in own.tokens
    assert own.encode(["物流"]).lengths.tolist() == [0]
    assert "的" in TextInput.fit(settings("words", stop_words=True), TEXTS).encoder.stop_words
    with pytest.raises(LimbeckError, match="stop words cannot be read"):
        TextInput.fit(settings("words", stop_words=str(tmp_path / "none.txt")), TEXTS)


def test_a_wordpiece_row_stands_between_its_marks_and_keeps_the_last_when_cut():
    pieces = TextInput.fit(settings("wordpiece"), TEXTS)
    short, long, empty = (pieces.encode([text]).row(0).tolist() for text in ("好", "物流很快" * 50, ""))
    for row in (short, long, empty):
        assert (row[0], row[-1]) == (FIRST, LAST)
    assert len(long) == 16
    assert empty == [FIRST, LAST]
    assert pieces.encoder.mask == 4
    assert set(range(5)) <= pieces.encoder.special


def test_the_same_text_alone_or_in_a_batch_has_the_same_unit_bag_of_ngrams():
    bags = TextInput.fit(settings("ngrams", max_length=1000), []).encode(TEXTS)
    norms = np.sqrt(np.add.reduceat(bags.weights.astype(np.float64) ** 2, bags.offsets[:-1]))
    np.testing.assert_allclose(norms, 1.0, atol=1e-6)
    for number in range(len(bags)):
        assert len(set(bags.row(number).tolist())) == len(bags.row(number))


def test_ngrams_know_order_edges_and_counts():
    def bag(text, **more):
        rows = TextInput.fit(settings("ngrams", ngrams=(1, 2), buckets=2**20, **more), []).encode([text])
        return dict(zip(rows.row(0).tolist(), rows.weights.tolist(), strict=True))

    assert set(bag("ab")) != set(bag("ba"))  # pairs differ though letters do not
    assert len(bag("abc")) == 5 + 4  # a b c and two marks; ^a ab bc c$
    counted = bag("aab")
    assert max(counted.values()) / min(counted.values()) == pytest.approx(1 + np.log(2), rel=1e-6)
    assert set(bag("物流很快")) < set(bag("物流很快", word_ngrams=2))
    apart = set(bag("物流 很快", word_ngrams=2)) - set(bag("物流 很快"))
    assert len(apart) == 3  # two words and their pair


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("characters", "{", "not valid JSON"),
        ("characters", "3", "not a list of strings"),
        ("characters", '["a"]', "does not begin with"),
        ("characters", '["[PAD]","[UNK]","[CLS]","[SEP]","[MASK]","ab"]', "not one character"),
        ("words", "[]", "not a word vocabulary"),
        ("words", '{"tokens": 3, "stop_words": []}', "not a list of strings"),
        ("wordpiece", "{}", "not a tokenizer"),
        ("wordpiece", b"\xff\xfe", "cannot be read"),
        ("words", None, "cannot be read"),
    ],
)
def test_a_damaged_encoder_file_is_one_clear_line(tmp_path, name, content, line):
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / TEXT_ENCODERS[name].file).write_bytes(data)
    with pytest.raises(LimbeckError, match=line) as caught:
        TextInput.load(settings(name), tmp_path)
    assert "\n" not in str(caught.value)


def test_without_buckets_only_ngrams_that_training_rows_repeat_have_a_place(tmp_path):
    wish = settings("ngrams", ngrams=(1, 2), buckets=0, min_count=2)
    text = TextInput.fit(wish, ["物流快", "物流慢", "水果好"])
    assert len(text.encode(["物流"]).row(0)) == 6  # 物, 流, 物流, the marks of both ends, 物 behind the first
    assert len(text.encode(["水果坏"]).row(0)) == 2  # the marks alone
    text.save(tmp_path)
    again = TextInput.load(wish, tmp_path)
    assert np.array_equal(again.encode(["物流快"]).values, text.encode(["物流快"]).values)


def test_a_damaged_file_of_ngrams_is_refused(tmp_path):
    wish = settings("ngrams", buckets=0)
    for content in (np.array([3, 2], np.uint32), np.array([1.0]), np.array([["a"]])):
        np.save(tmp_path / "ngrams.npy", content)
        with pytest.raises(LimbeckError, match="no n-grams"):
            TextInput.load(wish, tmp_path)
    np.save(tmp_path / "ngrams.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(LimbeckError, match="cannot be read"):
        TextInput.load(wish, tmp_path)


def test_the_wide_branch_reads_the_same_rows_as_bags_beside_the_sequence(tmp_path):
    wish = settings("characters", wide=True, buckets=0, ngrams=(1, 2), min_count=1)
    text = TextInput.fit(wish, TEXTS)
    rows = text.encode(TEXTS)
    assert rows.wide is not None
    assert len(rows.wide) == len(rows)
    assert {"ids", "lengths", "wide_ids", "wide_weights"} == set(text.batch(rows, np.arange(2)))
    text.save(tmp_path)
    again = TextInput.load(wish, tmp_path).encode(TEXTS)
    assert np.array_equal(again.wide.values, rows.wide.values)
