"""Augmented texts depend on seed, epoch and row alone, and each operation does what its name says."""

from collections import Counter

import numpy as np
import pytest

import limbeck
from limbeck.errors import LimbeckError
from limbeck.kinds.text.augment import Augmenter, active, back_translate, read_synonyms
from limbeck.kinds.text.encoding.tokens import cut_words
from limbeck.recipe import Augment
from small import reviews, tiny_recipe

TEXTS = [row["text"] for row in reviews(60)]
WORDS = ["物流", "很快", "水果", "新鲜", "包装", "精美"]
TEXT = "物流很快，水果新鲜，包装精美"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "synonyms.txt").write_text("\ufeff新鲜 鲜美 鲜嫩\n包装 打包\n\n单独\n", encoding="utf-8")
    return tmp_path


def augmenter(folder, seed=0, **rates):
    return Augmenter(Augment(synonym_file="synonyms.txt", **rates), [folder], seed)


def changed(folder, times=200, text=TEXT, **rates):
    made = augmenter(folder, **rates)
    return [made.change(text, np.random.default_rng(number)) for number in range(times)]


def test_nothing_is_changed_when_every_rate_is_zero(folder):
    assert not active(Augment())
    assert set(changed(folder)) == {TEXT}


@pytest.mark.parametrize("rate", [{"swap": 0.3}, {"delete": 0.3}, {"insert": 0.3}, {"synonyms": 0.9}])
def test_the_same_seed_epoch_and_row_give_the_same_text_whatever_ran_before(folder, rate):
    assert active(Augment(synonym_file="x", **rate))
    texts = [TEXT, *TEXTS]
    first = augmenter(folder, **rate)(texts, 3)
    other = augmenter(folder, **rate)
    other(texts, 1)
    assert other(texts, 3) == first
    assert augmenter(folder, **rate)(texts[:5], 3) == first[:5]
    assert first != texts
    for again in (augmenter(folder, **rate)(texts * 3, 4), augmenter(folder, seed=1, **rate)(texts * 3, 3)):
        assert again != augmenter(folder, **rate)(texts * 3, 3)


def test_deletion_takes_words_away_at_its_rate_and_never_all(folder):
    words = cut_words(TEXT)
    lengths = []
    for text in changed(folder, delete=0.4):
        left = Counter("".join(text))
        assert not left - Counter(TEXT)
        lengths.append(len(text))
    assert np.mean(lengths) / len(TEXT) == pytest.approx(0.6, abs=0.05)
    assert all(text in words for text in changed(folder, delete=0.9999))


def test_swaps_keep_every_word(folder):
    found = changed(folder, swap=0.3)
    assert all(Counter(text) == Counter(TEXT) for text in found)
    assert len(set(found)) > 20


def test_synonyms_replace_only_known_words_by_their_companions(folder):
    found = set(changed(folder, synonyms=0.5))
    assert found == {
        TEXT.replace("新鲜", new).replace("包装", box) for new in ("新鲜", "鲜美", "鲜嫩") for box in ("包装", "打包")
    }


def test_insertion_adds_companions_of_words_that_are_there(folder):
    for text in changed(folder, insert=0.3):
        more = Counter(text) - Counter(TEXT)
        assert not Counter(TEXT) - Counter(text)
        assert set(more) <= set("鲜美鲜嫩打包")
    assert set(changed(folder, text="没有同类的词", insert=0.5)) == {"没有同类的词"}


def test_words_of_other_languages_keep_their_blanks(folder):
    for text in ("internationalisation considerations notwithstanding", "it is a good phone", "买了 iPhone Pro 很好"):
        made = augmenter(folder, swap=0.5)
        for number in range(30):
            found = made.change(text, np.random.default_rng(number))
            assert Counter(found.replace(" ", "")) == Counter(text.replace(" ", ""))
            for word in text.split():
                assert word in found or not word.isascii()
            assert "ProiPhone" not in found
            if text.isascii():
                assert sorted(found.split()) == sorted(text.split())


def test_a_text_of_one_word_or_none_stays(folder):
    assert set(changed(folder, text="好", delete=0.9, swap=0.9, insert=0.9, synonyms=0.9)) == {"好"}
    assert set(changed(folder, text="", delete=0.9)) == {""}


def test_synonyms_without_a_file_or_with_a_bad_one_are_one_clear_line(tmp_path):
    with pytest.raises(LimbeckError, match=r"need training\.augment\.synonym_file"):
        Augmenter(Augment(synonyms=0.1), [tmp_path], 0)
    for content, line in ((None, "cannot be read"), (b"\xff\xff", "cannot be read"), ("一\n二\n".encode(), "no group")):
        if content is not None:
            (tmp_path / "s.txt").write_bytes(content)
        with pytest.raises(LimbeckError, match=line):
            read_synonyms(tmp_path / "s.txt")


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    """A translation model with random weights: it translates into nonsense, but it is a translation model."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    folder = tmp_path_factory.mktemp("t5")
    tokens = ["<pad>", "</s>", "<unk>", *sorted(set("".join(TEXTS)))]
    tokenizer = Tokenizer(models.WordLevel({token: at for at, token in enumerate(tokens)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(folder)
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    config = T5Config(vocab_size=len(tokens), decoder_start_token_id=0, max_position_embeddings=8, **sizes)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


def test_texts_go_there_and_back_through_any_translation_directory(translator):
    found = back_translate(TEXTS[:5], [translator, translator], batch=2)
    assert len(found) == 5
    assert all(isinstance(text, str) for text in found)
    assert found == back_translate(TEXTS[:5], [translator, translator], batch=2)


def test_back_translated_copies_train_beside_the_originals(translator, rows_folder, tmp_path, capsys):
    recipe = tiny_recipe(training={"augment": {"back_translation": [translator, translator]}})
    assert limbeck.train(recipe, data=rows_folder, out=tmp_path / "out").metrics["accuracy"] > 0.8
    assert "back-translating 240 texts" in capsys.readouterr().err


def test_broken_translation_models_are_one_clear_line(translator, tmp_path):
    with pytest.raises(LimbeckError, match="names 1 models; name two: there, and back"):
        back_translate(["好"], [translator])
    with pytest.raises(LimbeckError, match="no translation model can be loaded") as caught:
        back_translate(["好"], [str(tmp_path), translator])
    assert "\n" not in str(caught.value)
