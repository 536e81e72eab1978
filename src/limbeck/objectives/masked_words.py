"""Masked words: guess hidden tokens from their neighbours (Devlin et al. 2019, §3.1, task 1).

Over unlabelled rows it gives a student that reads the domain's language before it sees a label. The head is ALBERT's:
hidden width to embedding width, GELU, layer norm, then the student's own embedding table as the output layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.tokens import WordPiece
from limbeck.networks import Network
from limbeck.networks.text.albert import Albert
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective

SHARE = 0.15  # of the tokens are to be guessed; of those 80 % are hidden, 10 % replaced, 10 % left


class MaskedWords(Loss):
    """Cross-entropy over the hidden tokens."""

    def __init__(self, objective: Objective, network: Network, encoder: TextInput, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        if not isinstance(network, Albert) or not isinstance(encoder.encoder, WordPiece):
            what = "the loss 'masked-words' needs student.network = 'albert'"
            raise LimbeckError(what, where="recipe", fix="change the network or the loss")
        if encoder.encoder.mask < 0:
            raise LimbeckError("the tokenizer has no mask token, so no word can be hidden", where="recipe")
        self.mask_id, self.size = encoder.encoder.mask, encoder.size
        self.register_buffer("special", torch.tensor(sorted(encoder.encoder.special), dtype=torch.int64))
        table = network.albert.embeddings.word_embeddings
        self.dense = nn.Linear(network.albert.config.hidden_size, table.embedding_dim)
        self.norm = nn.LayerNorm(table.embedding_dim)
        self.guesses: Tensor | int = 0
        self.bias = nn.Parameter(torch.zeros(table.num_embeddings))

    def hide(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return ids with hidden tokens, and which of them are to be guessed, both [B, L]."""
        real = torch.arange(ids.shape[1], device=ids.device)[None, :] < lengths[:, None]
        chosen = (torch.rand(ids.shape, device=ids.device) < SHARE) & real & ~torch.isin(ids, self.special)
        kind = torch.rand(ids.shape, device=ids.device)
        hidden = torch.where(chosen & (kind < 0.8), self.mask_id, ids)
        random = torch.randint(0, self.size, ids.shape, device=ids.device)
        return torch.where(chosen & (kind >= 0.8) & (kind < 0.9), random, hidden), chosen

    def count(self, step: Step) -> Tensor | int:
        """Return the number of tokens that were to be guessed."""
        return self.guesses

    def forward(self, step: Step) -> Tensor:
        """Mean cross-entropy over the tokens to be guessed; 0 when a batch has none."""
        network = step.student
        assert isinstance(network, Albert)  # checked when the loss was made
        ids, lengths = step.arrays["ids"], step.arrays["lengths"]
        hidden, chosen = self.hide(ids, lengths)
        self.guesses = chosen.sum()
        states, _ = network.tokens(hidden, lengths)
        guessed = self.norm(nn.functional.gelu(self.dense(states[chosen])))
        logits = guessed @ network.albert.embeddings.word_embeddings.weight.T.to(guessed.dtype) + self.bias
        return nn.functional.cross_entropy(logits.float(), ids[chosen], reduction="sum") / chosen.sum().clamp(min=1)
