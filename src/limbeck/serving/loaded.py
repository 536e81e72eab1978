"""A bundle that a worker has loaded, with its batcher: what the doors ask of it, whatever it answers."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Self

import numpy as np

from limbeck.bundle.answer import margins
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.engine import Probabilities
from limbeck.bundle.load import own_verb
from limbeck.errors import LimbeckError
from limbeck.kinds.select import Unreadable, Values
from limbeck.kinds.tensors import Port
from limbeck.model_names import model_path
from limbeck.serving.batching import Batcher
from limbeck.serving.oip.request import CLASSES, Offered
from limbeck.serving.settings import Settings
from limbeck.serving.waiting import Outcome

_WARM = 3  # batches of one blank row before a model is ready: the first ones take longer


class Loaded:
    """A bundle that answers.

    Raises
    ------
    LimbeckError
        When it cannot be loaded.
    """

    offered: Offered = CLASSES
    counter = "limbeck_rows_total"
    finds_boxes = False

    def __init__(self, source: str, settings: Settings) -> None:
        self.source = source
        self.classifier = self._opened(source)
        self.kind = self.classifier.kind
        self.tensors = self.kind.load("tensors")
        self.task = self.classifier.manifest.task
        self.version = self.classifier.version
        self.ports: tuple[Port, ...] = self.tensors.ports(self.task, self.classifier.encoder)
        self.batcher = Batcher(self._answered, self.tensors.cost, self.classifier.window, settings.queue_seconds)
        blank = self.classifier.encoder.blank(self.task)
        cost = max(self.tensors.cost(blank), 1)
        for at in range(_WARM):
            start = time.perf_counter()
            self._answered(blank)
            if at:
                self.batcher.pace.observe(cost, time.perf_counter() - start)
        self.explaining = asyncio.Semaphore(1)
        self._users = 0

    def _opened(self, source: str) -> Any:
        return Classifier(source, threads=0)

    def checked(self, values: Any) -> Values:
        """Return raw values as what the bundle reads.

        Raises
        ------
        LimbeckError
            When they are not what the task reads.
        """
        checked: Values = self.classifier.checked(values)
        return checked

    def facts(self) -> dict[str, Any]:
        """Return what the metadata of the protocol has no place for."""
        return {"threshold": self.classifier.threshold}

    def ports_out(self) -> list[dict[str, Any]]:
        """Return the outputs of the metadata."""
        return [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(self.classifier.classes)]},
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
        ]

    def told(self, answer: Outcome) -> list[Any]:
        """Return what a shadow's answer is compared by: the class of each row, "" without an answer."""
        classes = (*self.classifier.classes, "")
        return [classes[index] for index in answer.decided.tolist()]

    def counted(self, answer: Outcome) -> Counter[str]:
        """Return how many rows have which class."""
        return Counter(self.told(answer))

    def still_meant(self) -> bool:
        """Whether the source is still this bundle: the registry may have another version in use."""
        try:
            return bool(model_path(self.source) == self.classifier.path)
        except LimbeckError:  # it is gone from the registry: what is loaded goes on
            return True

    def _answered(self, values: Values) -> Outcome:
        return self._outcome(*self.classifier.answered(values, raising=False))

    def _outcome(self, p: Probabilities, errors: Unreadable) -> Outcome:
        classifier = self.classifier
        return Outcome(p, classifier.decide(p), margins(p, classifier.manifest.positive, classifier.threshold), errors)

    def _nothing(self) -> Outcome:
        """Return the answers to no rows."""
        return self._outcome(np.empty((0, len(self.classifier.classes)), dtype=np.float32), {})

    async def answer(
        self, values: Values, deadline: float, gone: Callable[[], Awaitable[None]] | None = None
    ) -> Outcome:
        """Return the answers to checked values; see `Batcher.submit`."""
        if not len(values):
            return self._nothing()
        return await self.batcher.submit(values, deadline, gone)

    def __enter__(self) -> Self:
        """Keep the bundle open while a request needs it."""
        self._users += 1
        return self

    def __exit__(self, *error: object) -> None:
        self._users -= 1

    async def close(self) -> None:
        """Close the bundle once nobody uses it."""
        while self._users:
            await asyncio.sleep(0.05)
        self.batcher.close()
        self.classifier.close()


class LoadedRows(Loaded, ABC):
    """A bundle whose rows have more to tell than one class: what the plain door says of them is its own."""

    @abstractmethod
    def refusal(self, name: str, threshold: float | None, *, explain: bool) -> str | None:
        """Return what of a request for the model ``name`` cannot be answered, None where all can."""

    @abstractmethod
    def rows(self, answer: Outcome, threshold: float | None, top: int | None) -> list[dict[str, Any]]:
        """Return what the plain door tells of each row."""

    @abstractmethod
    def unread(self, error: LimbeckError | None) -> dict[str, Any]:
        """Return what the plain door tells of a row that cannot be read."""


def open_source(source: str, settings: Settings) -> Loaded:
    """Load a bundle as what it is.

    Raises
    ------
    LimbeckError
        When it cannot be loaded.
    """
    loaded: Loaded = (own_verb(source, "serve") or Loaded)(source, settings)
    return loaded
