"""Text in, arrays out: cleaning, then an encoder. The same object trains, travels in the bundle and serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.tables.rows import text_column
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.files import write_text
from limbeck.kinds.kind import Shapes
from limbeck.kinds.stored_files import stored_text
from limbeck.kinds.text.clean import clean_all
from limbeck.kinds.text.encoding.ngrams import Ngrams
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.kinds.text.encoding.tokens import ENCODERS, PAD
from limbeck.recipe import Input, Task

WIDE_REACH = 4  # the wide branch is cheap, so it reads this many times further into a text

_GRAMS = 8  # n-grams of a character at most

TEXT_ENCODERS: dict[str, Any] = {**ENCODERS, "ngrams": Ngrams}


def encoder_named(name: str) -> Any:
    """Return the class of the encoder of this name.

    Raises
    ------
    LimbeckError
        When there is none.
    """
    if name not in TEXT_ENCODERS:
        hint = did_you_mean(name, TEXT_ENCODERS)
        raise LimbeckError(f"input.encoder: unknown encoder {name!r}", where="recipe", fix=hint)
    return TEXT_ENCODERS[name]


def encoder_read(task: Task, settings: Input) -> tuple[str, ...]:  # noqa: ARG001
    """Return under which names a network may list what it reads: the encoder's own, and that of one it is like.

    Raises
    ------
    LimbeckError
        When there is no such encoder.
    """
    return settings.encoder, getattr(encoder_named(settings.encoder), "like", settings.encoder)


def texts_in(frame: pl.DataFrame, task: Task) -> list[str]:
    """Return the texts of N rows; a missing one is ""."""
    return list(text_column(frame[task.inputs[0]]).fill_null("").to_list())


def wants_wide(settings: Input) -> bool:
    """Return whether the rows are to carry bags for a wide branch; bags alone need none beside them."""
    return settings.wide and settings.encoder != "ngrams"


class TextInput:
    """Cleaning and encoding of texts.

    Parameters
    ----------
    settings
        The ``[input]`` section of the recipe.
    encoder
        A fitted encoder; see `fit` and `load`.
    """

    # Small batches stay in the processor's cache; measured on ALBERT and GRU, twice as many tokens were no faster.
    most = 256  # rows of a batch
    window = 4096  # rows that are encoded together
    workers: int | None = None

    def __init__(self, settings: Input, encoder: Any, wide: Ngrams | None = None) -> None:
        self.settings, self.encoder, self.wide = settings, encoder, wide

    @classmethod
    def fit(cls, settings: Input, texts: Iterable[str], encoder: Any = None) -> TextInput:
        """Learn from raw training texts: the encoder, unless one is given, and the wide branch's n-grams."""
        cleaned = clean_all(list(texts), settings.clean)
        if encoder is None:
            encoder = encoder_named(settings.encoder).fit(cleaned, settings)
        wide = Ngrams.fit(cleaned, settings) if wants_wide(settings) else None
        return cls(settings, encoder, wide)

    @classmethod
    def load(cls, settings: Input, folder: Path) -> TextInput:
        """Read the encoder's file from a bundle.

        Raises
        ------
        LimbeckError
            When the file is missing or is not what the settings say.
        """
        wide = Ngrams.load(settings, folder) if wants_wide(settings) else None
        kind = encoder_named(settings.encoder)
        if kind is Ngrams:
            return cls(settings, Ngrams.load(settings, folder))
        file = folder / kind.file
        try:
            text = stored_text(file)
        except (OSError, UnicodeDecodeError) as error:
            raise LimbeckError("the encoder's file cannot be read", where=file) from error
        return cls(settings, kind.loads(text, settings), wide)

    def save(self, folder: Path) -> None:
        """Write the encoder's files into a bundle."""
        if isinstance(self.encoder, Ngrams):
            self.encoder.save(folder)
        else:
            write_text(folder / self.encoder.file, self.encoder.dumps())
        if self.wide is not None:
            self.wide.save(folder)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files of a bundle that encoding depends on."""
        grams = [part for part in (self.encoder, self.wide) if isinstance(part, Ngrams)]
        kept = tuple(part.kept_file for part in grams if part.kept is not None)
        return kept if isinstance(self.encoder, Ngrams) else (self.encoder.file, *kept)

    @property
    def size(self) -> int:
        """Number of different ids."""
        return int(self.encoder.size)

    @property
    def pad(self) -> int:
        """Id that fills a batch's shorter rows."""
        return int(getattr(self.encoder, "pad", PAD))

    @property
    def tokens(self) -> list[str] | None:
        """The tokens by id, where the encoder has a list of them."""
        return getattr(self.encoder, "tokens", None)

    def encode(self, texts: Sequence[str]) -> Ragged:
        """Clean and encode raw texts into N rows of ids."""
        cleaned = clean_all(texts, self.settings.clean)
        rows: Ragged = self.encoder.encode(cleaned, self.settings.max_length)
        if self.wide is None:
            return rows
        return replace(rows, wide=self.wide.encode(cleaned, WIDE_REACH * self.settings.max_length))

    def encode_each(self, texts: Sequence[str]) -> tuple[Ragged, dict[int, LimbeckError]]:
        """Encode texts; an empty one has no answer, and its place and the reason are in the dictionary."""
        empty = [at for at, text in enumerate(texts) if not text or text.isspace()]
        return self.encode(texts), {at: LimbeckError("the text is empty") for at in empty}

    def blank(self, task: Task) -> list[str]:
        """Return one empty text."""
        return [""]

    def completed(self, texts: list[str]) -> list[str]:
        """Return the texts: nothing is missing in them."""
        return texts

    def largest(self, rows: Ragged, one: Mapping[str, NDArray[Any]], tokens: int) -> list[Shapes]:
        """Return array name -> shape for the batches that can take most; see `limbeck.kinds.kind.largest_batch`.

        A batch holds many short texts or few long ones: what it takes is largest at one of the two ends, as it grows
        with some power of rows and of length.
        """
        longest = self.settings.max_length * (_GRAMS if rows.weights is not None else 1)
        wide = WIDE_REACH * self.settings.max_length * _GRAMS
        out = []
        for count, length in ((self.most, max(tokens // self.most, 1)), (max(tokens // longest, 1), longest)):
            count, length = min(count, self.most), min(length, longest)
            sides = {name: wide if name.startswith("wide_") else length for name in one}
            out.append({name: (count, sides[name])[: array.ndim] for name, array in one.items()})
        return out

    def batch(self, rows: Ragged, which: np.ndarray) -> dict[str, np.ndarray]:
        """Pad the chosen rows into one batch; see `Ragged.pad`."""
        return rows.pad(which, fill=self.pad)
