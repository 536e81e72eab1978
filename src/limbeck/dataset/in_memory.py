"""Rows that were given in Python, not read from files, as the dataset that training takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.data.split import DRAWN, split_random
from limbeck.messages.message import message

FEW = 50  # labelled rows (or rows at all, without labels) below which none is held back to choose the best epoch


def dataset_of(
    frame: pl.DataFrame, labels: NDArray[np.int64], classes: tuple[str, ...], seed: int
) -> tuple[Dataset, bool]:
    """Return rows with labels (-1 where there is none) as a dataset, and whether they are too few to hold some back."""
    known = np.flatnonzero(labels >= 0)
    split = np.full(len(labels), "unlabelled", dtype="<U10")
    split[known] = "train"
    few = (len(known) or len(labels)) < FEW
    if len(known) and not few:
        split[known] = split_random(len(known), valid=DRAWN, test=0.0, labels=labels[known], seed=seed)
        few = not (split == "valid").any()  # every class may have one row only
    texts = frame["text"].to_list() if frame.columns == ["text"] else [""] * len(labels)
    finding = message("data.in_memory_few" if few else "data.in_memory")
    numbers, origin = np.arange(1, len(labels) + 1), np.zeros(len(labels), dtype=np.int64)
    return Dataset(frame, texts, labels, classes, split, numbers, [finding], [Path("X")], origin), few


def twice(data: Dataset) -> Dataset:
    """Return the dataset with every row of train in valid too."""
    train = data.part("train")
    both = data.take(np.concatenate([np.arange(len(data.split)), train]))
    return replace(both, split=np.concatenate([data.split, np.full(len(train), "valid")]))
