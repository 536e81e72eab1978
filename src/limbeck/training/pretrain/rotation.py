"""An encoder that teaches itself, where no given weights fit: it learns which way its pictures are turned.

Gidaris et al. 2018 ("Unsupervised representation learning by predicting image rotations", section 3): who can tell by
how many quarters a picture was turned knows what is in it. It needs pictures that have an upper edge, as scans do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from limbeck.events import check
from limbeck.kinds.select import batch_of
from limbeck.networks.anomaly.frozen_encoder import Frozen
from limbeck.progress import progress

QUARTERS = 4
RATE = 1e-3
_SALT = 4


def self_train(frozen: Frozen, reader: Any, rows: Any, *, epochs: int, batch_size: int, seed: int) -> float:
    """Train a frozen encoder on encoded pictures, N rows, in place; it is frozen again afterwards.

    Every picture is shown once an epoch, turned by a number of quarters that is drawn anew. It runs on the CPU.

    Returns
    -------
    The share of the last epoch's pictures whose turn was told; one in four is chance.
    """
    random = np.random.default_rng((seed, _SALT))
    head = nn.Linear(frozen.widths[-1], QUARTERS)
    nn.init.zeros_(head.weight)  # so that nothing is drawn from the state that the rest of the training draws from
    nn.init.zeros_(head.bias)
    weights = [*frozen.net.parameters(), *head.parameters()]
    for weight in weights:
        weight.requires_grad_(True)
    frozen.learned = True
    frozen.train()
    steps = epochs * -(-len(rows) // batch_size)
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    told = 0
    with progress("encoder", steps) as tick:
        for _ in range(epochs):
            told, order = 0, random.permutation(len(rows))
            for start in range(0, len(rows), batch_size):
                part = order[start : start + batch_size]
                turns = random.integers(0, QUARTERS, len(part))
                pixels = torch.from_numpy(batch_of(reader, rows, part)["pixels"])
                turned = torch.stack([pixels[at].rot90(int(turn), (1, 2)) for at, turn in enumerate(turns)])
                logits = head(frozen(turned)[-1].mean(dim=(2, 3)))
                loss = nn.functional.cross_entropy(logits, torch.from_numpy(turns))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                told += int((logits.argmax(dim=1).numpy() == turns).sum())
                tick(1)
                check()
    frozen.learned, frozen.given = False, True
    frozen.eval()
    for weight in frozen.parameters():
        weight.requires_grad_(False)
    return told / len(rows)
