"""Encoders of cleaned text: characters, words, WordPiece. One class each, one line in `ENCODERS`.

An encoder is fitted on training texts, turns texts into `Ragged` token ids, and travels in the bundle as
one file. Ids 0 to 4 are the same everywhere it is ours to choose: padding, unknown, first, last, mask.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from limbeck.errors import LimbeckError, first_line
from limbeck.kinds.text.encoding.ragged import Ragged, code_points, ragged
from limbeck.process.native import panics_caught
from limbeck.recipe import Input

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNKNOWN, FIRST, LAST, MASK = range(5)


class Encoder(Protocol):
    """What every text encoder can do."""

    file: str

    @property
    def size(self) -> int:
        """Number of different ids."""

    def encode(self, texts: Sequence[str], max_length: int) -> Ragged:
        """Turn cleaned texts into token ids, each row cut to ``max_length``."""

    def dumps(self) -> str:
        """Return the content of the encoder's file in the bundle."""


def _frequent(counts: Counter[str], settings: Input) -> list[str]:
    # Ties are broken by the token itself, so that the same rows always give the same vocabulary.
    kept = [(token, count) for token, count in counts.items() if count >= settings.min_count]
    kept.sort(key=lambda item: (-item[1], item[0]))
    return [*SPECIAL, *(token for token, _ in kept[: settings.vocabulary - len(SPECIAL)])]


def _read_tokens(text: str, where: object) -> list[str]:
    try:
        tokens = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LimbeckError("the vocabulary is not valid JSON", where=where) from error
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise LimbeckError("the vocabulary is not a list of strings", where=where)
    if tuple(tokens[: len(SPECIAL)]) != SPECIAL:
        raise LimbeckError(f"the vocabulary does not begin with {SPECIAL}", where=where)
    return tokens


class Characters:
    """One token per Unicode character; unknown ones share an id.

    A table from code point to id makes encoding one array look-up for a whole batch of texts.
    """

    file = "vocabulary.json"

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        table = np.full(0x110000, UNKNOWN, dtype=np.int32)
        for index, token in enumerate(self.tokens[len(SPECIAL) :], len(SPECIAL)):
            if len(token) != 1:
                raise LimbeckError(f"{token!r} is not one character", where=self.file)
            table[ord(token)] = index
        self._table = table

    @classmethod
    def fit(cls, texts: Iterable[str], settings: Input) -> Characters:
        """Learn the vocabulary: characters seen at least ``min_count`` times, most frequent first."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text)
        return cls(_frequent(counts, settings))

    @classmethod
    def loads(cls, text: str, settings: Input) -> Characters:
        """Read the encoder back from its file's content."""
        del settings
        return cls(_read_tokens(text, cls.file))

    @property
    def size(self) -> int:
        """Number of different ids."""
        return len(self.tokens)

    def encode(self, texts: Sequence[str], max_length: int) -> Ragged:
        """Turn texts into character ids, each row cut to ``max_length``."""
        codes, offsets = code_points([text[:max_length] for text in texts])
        return Ragged(self._table[codes], offsets)

    def dumps(self) -> str:
        """Return the vocabulary as JSON."""
        return json.dumps(self.tokens, ensure_ascii=False)


class Words:
    """Words cut by jieba's algorithm (rjieba), without stop words; unknown words share an id."""

    file = "vocabulary.json"

    def __init__(self, tokens: Sequence[str], stop_words: frozenset[str]) -> None:
        self.tokens, self.stop_words = list(tokens), stop_words
        self._ids = {token: index for index, token in enumerate(self.tokens) if index >= len(SPECIAL)}

    @classmethod
    def fit(cls, texts: Iterable[str], settings: Input) -> Words:
        """Learn the vocabulary: words seen at least ``min_count`` times, most frequent first."""
        stop = stop_words(settings.stop_words)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(cut_words(text, stop))
        return cls(_frequent(counts, settings), stop)

    @classmethod
    def loads(cls, text: str, settings: Input) -> Words:
        """Read the encoder back from its file's content."""
        del settings
        try:
            stored = json.loads(text)
            tokens, stop = json.dumps(stored["tokens"]), frozenset(map(str, stored["stop_words"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LimbeckError("not a word vocabulary", where=cls.file) from error
        return cls(_read_tokens(tokens, cls.file), stop)

    @property
    def size(self) -> int:
        """Number of different ids."""
        return len(self.tokens)

    def encode(self, texts: Sequence[str], max_length: int) -> Ragged:
        """Turn texts into word ids, each row cut to ``max_length``."""
        get = self._ids.get
        return ragged([[get(word, UNKNOWN) for word in cut_words(t, self.stop_words)] for t in texts], max_length)

    def dumps(self) -> str:
        """Return the vocabulary and the stop words as JSON."""
        return json.dumps({"tokens": self.tokens, "stop_words": sorted(self.stop_words)}, ensure_ascii=False)


def cut_words(text: str, stop: frozenset[str] = frozenset()) -> list[str]:
    """Cut a text into words; blanks and stop words are left out."""
    import rjieba

    return [word for word in rjieba.cut(without_surrogates(text)) if word not in stop and not word.isspace()]


def without_surrogates(text: str) -> str:
    """Return the text with "?" for every lone surrogate, which no library written in Rust takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def stop_words(setting: bool | str) -> frozenset[str]:
    """Return the stop words of a recipe: none, the shipped Chinese list, or those of a file (one a line)."""
    if setting is False:
        return frozenset()
    if setting is True:
        return frozenset(files("limbeck.kinds.text").joinpath("stop_words_zh.txt").read_text("utf-8").split())
    try:
        return frozenset(Path(setting).read_text("utf-8-sig").split())
    except (OSError, UnicodeDecodeError) as error:
        raise LimbeckError("the stop words cannot be read", where=setting, fix="give a UTF-8 file") from error


class WordPiece:
    """A Hugging Face ``tokenizer.json``: fitted here as BERT's WordPiece, or taken from a pre-trained model.

    It adds the model's own special tokens, so a row is ``[CLS] … [SEP]`` for BERT-like models.
    """

    file = "tokenizer.json"

    def __init__(self, tokenizer: Any, *, risky: bool = False) -> None:
        self.tokenizer, self._risky = tokenizer, risky
        tokenizer.no_padding()
        tokenizer.no_truncation()

    @classmethod
    def fit(cls, texts: Iterable[str], settings: Input) -> WordPiece:
        """Learn a WordPiece vocabulary (Wu et al. 2016) with BERT's pre-tokenisation: each CJK character alone."""
        from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

        tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL[UNKNOWN]))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=settings.clean.lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(
            vocab_size=settings.vocabulary,
            min_frequency=settings.min_count,
            special_tokens=list(SPECIAL),
            show_progress=False,
        )
        tokenizer.train_from_iterator(map(without_surrogates, texts), trainer)
        tokenizer.post_processor = processors.BertProcessing((SPECIAL[LAST], LAST), (SPECIAL[FIRST], FIRST))
        return cls(tokenizer)

    @classmethod
    def loads(cls, text: str, settings: Input) -> WordPiece:
        """Read the encoder back from its file's content."""
        del settings
        from tokenizers import Tokenizer

        try:
            risky = "Regex" in text  # a regular expression may be one that its library gives up on
            with panics_caught(silent=risky):
                return cls(Tokenizer.from_str(text), risky=risky)
        except Exception as error:  # tokenizers raises bare Exception
            raise LimbeckError(f"not a tokenizer: {first_line(error)}", where=cls.file) from error

    @property
    def size(self) -> int:
        """Number of different ids."""
        return int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    @property
    def mask(self) -> int:
        """Id of the mask token, -1 when there is none."""
        found = [self.tokenizer.token_to_id(name) for name in ("[MASK]", "<mask>")]
        return next((index for index in found if index is not None), -1)

    @property
    def special(self) -> frozenset[int]:
        """Ids that stand for no text: padding, first, last, mask and their like."""
        added = self.tokenizer.get_added_tokens_decoder()
        return frozenset(index for index, token in added.items() if token.special)

    @property
    def pad(self) -> int:
        """Id of the padding token, 0 when there is none."""
        found = [self.tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>")]
        return next((index for index in found if index is not None), 0)

    def encode(self, texts: Sequence[str], max_length: int) -> Ragged:
        """Turn texts into piece ids with special tokens; a row over ``max_length`` keeps its last special token."""
        # A token covers at least one character here, so more characters than this cannot matter.
        begun = [without_surrogates(text[: max_length * 8]) for text in texts]
        try:
            with panics_caught(silent=self._risky):
                rows = [row.ids for row in self.tokenizer.encode_batch_fast(begun)]
        except Exception as error:  # tokenizers raises bare Exception
            raise LimbeckError(f"the tokenizer fails: {first_line(error)}", where=self.file) from error
        special = self.special
        cut = [
            row if len(row) <= max_length
            else [*row[: max_length - 1], row[-1]] if row[-1] in special
            else row[:max_length]
            for row in rows
        ]  # fmt: skip
        return ragged(cut, max_length)

    def dumps(self) -> str:
        """Return the tokenizer as JSON."""
        return str(self.tokenizer.to_str())


ENCODERS: dict[str, Any] = {"characters": Characters, "words": Words, "wordpiece": WordPiece}
