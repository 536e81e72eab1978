"""Small random changes to training texts that keep their meaning (Wei & Zou 2019, "EDA").

Texts are cut into words; each operation changes a share of them. Which words change depends on the seed, the epoch and
the row alone, so that a resumed run sees the same texts. Back-translation (Sennrich et al. 2016) is slow, so
its paraphrases are made once, before training.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from limbeck.errors import LimbeckError, first_line
from limbeck.hugging_face import quiet
from limbeck.kinds.text.encoding.tokens import cut_words
from limbeck.process.native import panics_caught
from limbeck.recipe import Augment, Pictures, Recipe, Signals
from limbeck.recipe.paths import find, needed


def active(settings: Augment) -> bool:
    """Return whether any operation is switched on."""
    rates = (settings.delete, settings.swap, settings.insert, settings.synonyms)
    return any(rates) or bool(settings.back_translation)


def check_augmentation(recipe: Recipe) -> None:
    """Refuse changes that the recipe's kind of row has no use for.

    Raises
    ------
    LimbeckError
        For changes of words where rows are no texts, or of pictures where they are none.
    """
    if recipe.task.rows != "text" and active(recipe.training.augment):
        own = {"image": "pictures", "signal": "signals"}.get(recipe.task.rows)
        also = f", and use [training.{own}]" if own else ""
        fix = f"leave [training.augment] out{also}"
        raise LimbeckError("only texts can be augmented by words", where="recipe", fix=fix)
    if recipe.task.rows != "image" and recipe.training.pictures != Pictures():
        fix = "leave [training.pictures] out"
        raise LimbeckError("only pictures can be augmented as pictures", where="recipe", fix=fix)
    if recipe.task.rows != "signal" and recipe.training.signals != Signals():
        fix = "leave [training.signals] out"
        raise LimbeckError("only signals can be augmented as signals", where="recipe", fix=fix)


def read_synonyms(path: Path) -> dict[str, list[str]]:
    """Read groups of words with the same meaning, one group a line; returns word -> its companions."""
    try:
        groups = [line.split() for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise LimbeckError("the synonyms cannot be read", where=path, fix="give a UTF-8 file") from error
    found = {word: [other for other in group if other != word] for group in groups for word in group if len(group) > 1}
    if not found:
        raise LimbeckError("holds no group of two words or more", where=path, fix="write one group of words a line")
    return found


class Augmenter:
    """Changes texts as the recipe's ``[training.augment]`` says.

    Raises
    ------
    LimbeckError
        When synonyms are wanted and no file of them is given.
    """

    def __init__(self, settings: Augment, folders: Sequence[Path | None], seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.synonyms: dict[str, list[str]] = {}
        if settings.synonyms or settings.insert:
            if settings.synonym_file is None:
                fix = "name a file with one group of words a line"
                raise LimbeckError("synonyms and insertion need training.augment.synonym_file", where="recipe", fix=fix)
            self.synonyms = read_synonyms(needed(settings.synonym_file, folders, "training.augment.synonym_file"))

    def __call__(self, texts: Sequence[str], epoch: int) -> list[str]:
        """Return the texts of one epoch, each changed in its own way."""
        return [self.change(text, np.random.default_rng((self.seed, epoch, row))) for row, text in enumerate(texts)]

    def change(self, text: str, random: np.random.Generator) -> str:
        """Return one changed text; a text of a single word stays as it is."""
        words = cut_words(text)
        if len(words) < 2:
            return text
        words = self._replace(words, random)
        words = self._insert(words, random)
        words = self._swap(words, random)
        words = self._delete(words, random)
        return joined(words)

    def _replace(self, words: list[str], random: np.random.Generator) -> list[str]:
        chosen = random.random(len(words)) < self.settings.synonyms
        return [
            str(random.choice(self.synonyms[word])) if pick and word in self.synonyms else word
            for word, pick in zip(words, chosen, strict=True)
        ]

    def _insert(self, words: list[str], random: np.random.Generator) -> list[str]:
        known = [word for word in words if word in self.synonyms]
        if not known:
            return words
        out = list(words)
        for _ in range(random.binomial(len(words), self.settings.insert)):
            source = known[int(random.integers(len(known)))]
            out.insert(int(random.integers(len(out) + 1)), str(random.choice(self.synonyms[source])))
        return out

    def _swap(self, words: list[str], random: np.random.Generator) -> list[str]:
        out = list(words)
        for _ in range(random.binomial(len(words), self.settings.swap)):
            first, second = random.integers(len(out), size=2)
            out[first], out[second] = out[second], out[first]
        return out

    def _delete(self, words: list[str], random: np.random.Generator) -> list[str]:
        kept = random.random(len(words)) >= self.settings.delete
        return [word for word, keep in zip(words, kept, strict=True) if keep] or [
            words[int(random.integers(len(words)))]
        ]


def joined(words: Sequence[str]) -> str:
    """Put words together again: Chinese and Japanese without blanks between words, other scripts with them."""
    out = list(words[:1])
    for before, word in pairwise(words):
        apart = _takes_blanks(word[0]) and (_takes_blanks(before[-1]) or before[-1] in ",.;:!?)")
        out += [" ", word] if apart else [word]
    return "".join(out)


def _takes_blanks(character: str) -> bool:
    return character.isalnum() and (character < "\u2e80" or "\uac00" <= character <= "\ud7af")


def back_translate(
    texts: Sequence[str], models: Sequence[str], folders: Sequence[Path | None] = (), *, batch: int = 32
) -> list[str]:
    """Translate texts there and back through two Hugging Face sequence-to-sequence directories or ids.

    Parameters
    ----------
    models
        Two models: from the texts' language to another, and back.
    folders
        Where directories are looked for before the working folder.

    Raises
    ------
    LimbeckError
        When not two models are given, or one cannot be loaded.
    """
    if len(models) != 2:
        what = f"training.augment.back_translation names {len(models)} models"
        raise LimbeckError(what, where="recipe", fix="name two: there, and back")
    out = list(texts)
    for model in models:
        out = _translate(out, str(find(model, [*folders, Path()]) or model), batch)
    return out


def _translate(texts: list[str], source: str, batch: int) -> list[str]:
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    try:
        with quiet():
            with panics_caught(silent=True):
                tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            model = AutoModelForSeq2SeqLM.from_pretrained(source, trust_remote_code=False).eval()
    except Exception as error:  # a missing file, a broken one, no network: each has its own exception type
        reason = first_line(error)
        raise LimbeckError(f"no translation model can be loaded: {reason}", where=source) from error
    out: list[str] = []
    longest = min(512, getattr(model.config, "max_position_embeddings", 512))
    with torch.no_grad(), quiet():
        for at in range(0, len(texts), batch):
            given = tokenizer(
                texts[at : at + batch], return_tensors="pt", padding=True, truncation=True, max_length=longest
            )
            made = model.generate(**{k: given[k] for k in ("input_ids", "attention_mask")}, max_new_tokens=longest - 1)
            out += tokenizer.batch_decode(made, skip_special_tokens=True)
    return out
