"""A token embedding that may start from pre-trained character vectors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.files import DAMAGED_ZIP, need_regular
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.tokens import PAD, SPECIAL

BIGRAM_WIDTH = 32


def read_vectors(path: Path) -> tuple[np.ndarray, dict[str, int]]:
    """Read ``embeddings`` float [V, D] from an ``.npz`` and its vocabulary from the JSON file beside it.

    The vocabulary of ``NAME.npz`` is ``NAME_vocab.json``; a trailing type (``_f16``) and width (``_200d``) may be
    left out of its name.

    Raises
    ------
    LimbeckError
        When a file is missing, broken, or the two do not fit.
    """
    stem = path.name.removesuffix(".npz")
    typeless = re.sub(r"_f(16|32)$", "", stem)
    names = [f"{name}_vocab.json" for name in (stem, typeless, re.sub(r"_\d+d$", "", typeless))]
    vocabulary = next((path.with_name(name) for name in names if path.with_name(name).exists()), None)
    if vocabulary is None:
        raise LimbeckError("the vectors have no vocabulary beside them", where=path, fix=f"add {names[0]}")
    need_regular(path)
    need_regular(vocabulary)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:  # numpy leaves a broken file open
            vectors = np.asarray(stored["embeddings"], dtype=np.float32)
        ids = {str(token): int(index) for token, index in json.loads(vocabulary.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, *DAMAGED_ZIP) as error:
        raise LimbeckError(f"the vectors cannot be read: {error}", where=path) from error
    if vectors.ndim != 2 or not ids or max(ids.values()) >= len(vectors) or min(ids.values()) < 0:
        raise LimbeckError("vectors and vocabulary do not fit", where=path)
    return vectors, ids


class TokenEmbedding(nn.Module):
    """Token ids [B, L] to vectors [B, L, width], with whole tokens dropped in training.

    With ``bigrams`` hash buckets, each token also brings the vector of its pair with the next one: for Chinese
    characters, near enough to words without cutting any.

    Dropping whole tokens (word dropout, Iyyer et al. 2015) rather than single numbers keeps the student from
    leaning on a few give-away words.
    """

    def __init__(self, size: int, width: int, drop: float, bigrams: int = 0) -> None:
        super().__init__()
        self.table = nn.Embedding(size, width, padding_idx=PAD)
        nn.init.normal_(self.table.weight, std=0.1)
        with torch.no_grad():
            self.table.weight[PAD].zero_()
        self.drop = drop
        self.width = width
        self.bigrams = nn.Embedding(bigrams, BIGRAM_WIDTH) if bigrams else None
        if self.bigrams is not None:
            nn.init.normal_(self.bigrams.weight, std=0.1)
            self.width += BIGRAM_WIDTH

    def forward(self, ids: Tensor) -> Tensor:
        """Look the tokens up, [B, L, width]; in training each is dropped with probability ``drop``."""
        vectors = self.table(ids)
        if self.bigrams is not None:
            # The pair of a token and the next, hashed; the last token is paired with padding.
            following = nn.functional.pad(ids[:, 1:], (0, 1), value=PAD)
            pairs = (ids * 40503 + following * 30011) % self.bigrams.num_embeddings
            vectors = torch.cat((vectors, self.bigrams(pairs)), dim=2)
        if self.training and self.drop:
            kept = torch.rand(ids.shape, device=ids.device) >= self.drop
            vectors = vectors * kept.unsqueeze(-1)
        return vectors

    def load(self, path: Path, encoder: TextInput) -> str:
        """Take over the vectors of known tokens, scaled to the table's spread; narrower tables take the
        leading principal components.
        """
        vectors, ids = read_vectors(path)
        tokens = encoder.tokens
        if tokens is None:
            raise LimbeckError("this encoder has no tokens to look vectors up for", where=path)
        known = [(row, ids[token]) for row, token in enumerate(tokens) if token in ids]
        if not known:
            raise LimbeckError("no token of the vocabulary has a vector here", where=path)
        rows, sources = (np.array(part) for part in zip(*known, strict=True))
        chosen = vectors[sources]
        width = self.table.weight.shape[1]
        if width < chosen.shape[1]:
            centred = chosen - chosen.mean(axis=0)
            chosen = centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :width]
        elif width > chosen.shape[1]:
            chosen = np.pad(chosen, ((0, 0), (0, width - chosen.shape[1])))
        chosen *= 0.1 / max(float(chosen.std()), 1e-8)
        with torch.no_grad():
            self.table.weight[torch.from_numpy(rows)] = torch.from_numpy(np.ascontiguousarray(chosen, np.float32))
        wanted = len(tokens) - len(SPECIAL)
        return f"{len(known):,} of {wanted:,} tokens start from the vectors of {path.name}"
