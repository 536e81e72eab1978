"""What a model answers to batches of arrays, and how long it takes: by torch and by onnxruntime."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from limbeck.bundle.session import open_trusted
from limbeck.training.export.onnx_model import Answering

_TIMED = 96  # rows


def torch_answers(answering: Answering, feeds: list[dict[str, np.ndarray]]) -> tuple[list[np.ndarray], float]:
    """Return torch's answers to batches of arrays, on one thread, and the median seconds of some of them."""
    tensors = [[torch.from_numpy(feed[name]) for name in answering.network.arrays] for feed in feeds]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            answers = [answering.forward(*arrays).numpy() for arrays in tensors]
            return answers, _median_seconds([partial(answering.forward, *arrays) for arrays in tensors])
    finally:
        torch.set_num_threads(threads)


def onnx_answers(file: Path, feeds: list[dict[str, np.ndarray]]) -> tuple[list[np.ndarray], float]:
    """Return onnxruntime's answers to batches of arrays, and the median seconds of some of them."""
    session = open_trusted(file)
    answers = [session.run(None, feed)[0] for feed in feeds]
    return answers, _median_seconds([partial(session.run, None, feed) for feed in feeds])


def batch_difference(file: Path, answers: list[np.ndarray], alone: dict[int, dict[str, np.ndarray]]) -> float:
    """Return the largest difference of a probability between rows alone and the same rows in batches."""
    session, joined = open_trusted(file), np.concatenate(answers)
    return max(float(np.abs(session.run(None, feed)[0][0] - joined[at]).max()) for at, feed in alone.items())


def _median_seconds(calls: list[Callable[[], object]], times: int = 3) -> float:
    # A few batches from all over the range of lengths stand for the rest.
    some = calls[:: max(1, len(calls) * 32 // _TIMED)]
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        for call in some:
            call()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))
