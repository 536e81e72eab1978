"""Tokenizers of pre-trained models, from a Hugging Face directory or id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError, first_line
from limbeck.files import need_regular
from limbeck.hugging_face import knows_nothing, misfit, quiet
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.tokens import WordPiece
from limbeck.networks.text.albert import Albert
from limbeck.process.native import panics_caught
from limbeck.recipe import Input

_TRIED = 200  # texts that a tokenizer is tried on


def pretrained_input(settings: Input, source: str, texts: Sequence[str]) -> TextInput:
    """Return the text input whose encoder is the pre-trained model's own tokenizer.

    A directory with a BERT ``vocab.txt`` and no other tokenizer file is read as BERT's: the Chinese ALBERT models are
    published so, and `AutoTokenizer` would look for a SentencePiece file that they do not have.

    Raises
    ------
    LimbeckError
        When no tokenizer can be loaded.
    """
    folder = Path(source)
    need_regular(folder)
    if folder.is_dir() and (folder / "vocab.txt").exists() and not (folder / "tokenizer.json").exists():
        from tokenizers import BertWordPieceTokenizer

        try:
            with panics_caught(silent=True):
                tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=settings.clean.lowercase)
        except Exception as error:  # tokenizers raises bare Exception
            raise LimbeckError(
                f"no tokenizer can be loaded: {first_line(error)}", where=folder / "vocab.txt"
            ) from error
        return _fitted(settings, source, texts, tokenizer._tokenizer)
    from transformers import AutoTokenizer

    try:
        with quiet(), panics_caught(silent=folder.is_dir()):
            loaded = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:  # a missing file, a broken one, no network: each has its own exception type
        reason = first_line(error)
        raise LimbeckError(f"no tokenizer can be loaded: {reason}", where=source, fix="check student.init") from error
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is None:
        raise LimbeckError("its tokenizer has no tokenizer.json form", where=source, fix="convert it with transformers")
    return _fitted(settings, source, texts, backend)


def _fitted(settings: Input, source: str, texts: Sequence[str], tokenizer: Any) -> TextInput:
    """Return the text input of a tokenizer, unless it knows no word, or none of these texts."""
    encoder = WordPiece(tokenizer)
    fix = "copy tokenizer.json, or vocab.txt, of this model into it"
    if what := misfit(encoder.size, len(encoder.special)):
        raise LimbeckError(what, where=source, fix=fix)
    some = list(texts[:_TRIED])
    rows = encoder.encode(some, settings.max_length)
    unknown = {index for name in ("[UNK]", "<unk>") if (index := tokenizer.token_to_id(name)) is not None}
    if knows_nothing(some, [rows.row(at).tolist() for at in range(len(some))], encoder.special | unknown):
        raise LimbeckError(f"its tokenizer knows no word of {len(some):,} texts", where=source, fix=fix)
    return TextInput.fit(settings, texts, encoder)


SPECIAL_NAMES = {
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
}


def as_pretrained(tokenizer: Any) -> Any:
    """Return a `tokenizers.Tokenizer` as transformers' own kind, with those of BERT's special tokens that it has."""
    from transformers import PreTrainedTokenizerFast

    known = {role: name for role, name in SPECIAL_NAMES.items() if tokenizer.token_to_id(name) is not None}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **known)


def save_pretrained(network: Albert, text: TextInput, folder: Path) -> None:
    """Write an ALBERT student's trunk and tokenizer as a Hugging Face directory."""
    network.albert.save_pretrained(folder)
    as_pretrained(text.encoder.tokenizer).save_pretrained(folder)
