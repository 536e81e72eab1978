"""The models of one worker: loaded bundles by name, which of them answers, and their replacement without a gap.

A name has the bundle in use and, if asked for, a candidate beside it: one that answers a share of the requests, or one
that answers every request too, in the background, to count where it differs (a shadow).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
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
from limbeck.serving.http import Refusal
from limbeck.serving.metrics import Ledger
from limbeck.serving.settings import Settings
from limbeck.serving.waiting import Outcome

_SHOWN = 100  # characters of a name that a client has given
_WARM = 3  # batches of one blank row before a model is ready: the first ones take longer


@dataclass(frozen=True)
class Route:
    """Which bundles stand behind a name; each is a path or a name of the registry.

    ``candidate`` answers a ``share`` of the requests, or with ``shadow`` all of them in the background; ``previous`` is
    what was in use before, for going back.
    """

    source: str
    candidate: str | None = None
    share: float = 0.0
    shadow: bool = False
    previous: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


class Loaded:
    """A bundle that answers.

    Raises
    ------
    LimbeckError
        When it cannot be loaded, or it detects objects.
    """

    def __init__(self, source: str, settings: Settings) -> None:
        refuse_detector(source)
        self.source = source
        self.classifier = Classifier(source, threads=0)
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

    def still_meant(self) -> bool:
        """Whether the source is still this bundle: the registry may have another version in use."""
        try:
            return model_path(self.source) == self.classifier.path
        except LimbeckError:  # it is gone from the registry: what is loaded goes on
            return True

    def _answered(self, values: Values) -> Outcome:
        return self._outcome(*self.classifier.answered(values, raising=False))

    def _outcome(self, p: Probabilities, errors: Unreadable) -> Outcome:
        classifier = self.classifier
        return Outcome(p, classifier.decide(p), margins(p, classifier.manifest.positive, classifier.threshold), errors)

    async def answer(
        self, values: Values, deadline: float, gone: Callable[[], Awaitable[None]] | None = None
    ) -> Outcome:
        """Return the answers to checked values; see `Batcher.submit`."""
        if not len(values):
            return self._outcome(np.empty((0, len(self.classifier.classes)), dtype=np.float32), {})
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


@dataclass
class Model:
    """What stands behind a name at this moment."""

    route: Route
    current: Loaded
    candidate: Loaded | None = None

    def chosen(self) -> Loaded:
        """Return the bundle that answers the next request."""
        route = self.route
        if self.candidate is not None and not route.shadow and random.random() < route.share:
            return self.candidate
        return self.current

    @property
    def versions(self) -> list[Loaded]:
        """The bundles that can be asked for by version."""
        return [self.current] if self.candidate is None else [self.current, self.candidate]


class Repository:
    """The models of this worker."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.settings, self.ledger = settings, ledger
        self.models: dict[str, Model] = {}
        self.failed: dict[str, str] = {}
        self.known: dict[str, Route] = {}
        self.applied = False  # whether the models have been loaded once
        self._tried = asyncio.Event()  # whether that was at least tried
        self._closing: set[asyncio.Task[None]] = set()

    async def begun(self) -> None:
        """Wait until the models have been loaded once, at most as long as a request may take.

        A worker that replaces a dead one listens before it has them: its first requests wait rather than be refused.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.deadline):
                await self._tried.wait()

    def find(self, name: str, version: str = "") -> Loaded:
        """Return the bundle that answers the next request to a model, or that of a version.

        Raises
        ------
        Refusal
            404 when there is none, 503 for a model that is known but not loaded.
        """
        model = self.models.get(name)
        if model is None:
            if name in self.known:
                raise Refusal(503, f"the model {name!r} is not loaded", [("retry-after", "1")])
            raise Refusal(404, f"there is no model {name[:_SHOWN]!r}")
        if not version:
            return model.chosen()
        for loaded in model.versions:
            if loaded.version == version:
                return loaded
        what = f"the model {name!r} has no version {version[:_SHOWN]!r}; it has {model.current.version}"
        raise Refusal(404, what)

    def deadline(self, seconds: float | None) -> float:
        """Return when a request has to be answered that gives it so long, as `time.perf_counter` tells it."""
        most = self.settings.deadline
        return time.perf_counter() + (most if seconds is None else min(seconds, most))

    def answered(self, name: str, values: Values, answer: Outcome, used: Loaded) -> None:
        """Count an answer; have a shadow answer too, later, and count how far it differs."""
        for index, count in Counter(answer.decided.tolist()).items():
            label = used.classifier.classes[index] if index >= 0 else ""
            self.ledger.bump(
                ("limbeck_rows_total", (("model", name), ("version", used.version), ("label", label))), count
            )
        model = self.models.get(name)
        if model is None or model.candidate is None or not model.route.shadow or used is not model.current:
            return
        task = asyncio.get_running_loop().create_task(self._compare(name, model.candidate, values, answer, used))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _compare(self, name: str, shadow: Loaded, values: Values, answer: Outcome, used: Loaded) -> None:
        labels = {"model": name, "version": shadow.version}
        with shadow:
            try:
                other = await shadow.answer(values, self.deadline(None))
            except Exception:  # a model of another kind, say: a shadow costs nobody an answer
                self.ledger.add("limbeck_shadow_failures_total", labels)
                return
        rows = len(other.probabilities)
        names = np.array([*used.classifier.classes, ""]), np.array([*shadow.classifier.classes, ""])
        differ = int((names[0][answer.decided] != names[1][other.decided]).sum())
        self.ledger.add("limbeck_shadow_rows_total", labels, rows)
        self.ledger.add("limbeck_shadow_different_labels_total", labels, differ)

    async def apply(self, routes: dict[str, Route]) -> None:
        """Make the models what the routes say: new bundles are loaded first, then replaced ones are let go."""
        self.known = dict(routes)
        try:
            for name, route in routes.items():
                await self._apply(name, route)
            for name in [name for name in self.models if name not in routes]:
                self._let_go(*self.models.pop(name).versions)
            self.failed = {name: why for name, why in self.failed.items() if name in routes}
            self.applied = True
        finally:
            self._tried.set()

    async def _apply(self, name: str, route: Route) -> None:
        old = self.models.get(name)
        there = {loaded.source: loaded for loaded in (old.versions if old else []) if loaded.still_meant()}
        before = old.versions if old else []
        try:
            current = there.get(route.source) or await self._load(route.source)
            wanted = route.candidate
            candidate = None if wanted is None else there.get(wanted) or await self._load(wanted)
        except LimbeckError as error:
            self.failed[name] = str(error)
            return
        self.failed.pop(name, None)
        self.models[name] = Model(route, current, candidate)
        kept = self.models[name].versions
        self._let_go(*[loaded for loaded in before if loaded not in kept])

    async def _load(self, source: str) -> Loaded:
        return await asyncio.get_running_loop().run_in_executor(None, Loaded, source, self.settings)

    def _let_go(self, *gone: Loaded) -> None:
        for loaded in gone:
            task = asyncio.get_running_loop().create_task(loaded.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def refuse_detector(source: str) -> None:
    """Refuse a bundle that detects objects: its answers are boxes, which have no place in the responses.

    Raises
    ------
    LimbeckError
        When it is such a bundle.
    """
    if own_verb(source, "load") is not None:
        fix = "use limbeck predict, or limbeck.load in Python"
        raise LimbeckError("bundles for object detection cannot be served", where=source, fix=fix)


def promoted(route: Route) -> Route:
    """Return a route whose candidate is in use."""
    assert route.candidate is not None
    return Route(route.candidate, previous=route.source)


def rolled_back(route: Route) -> Route:
    """Return a route without its candidate, or if it has none with what was in use before."""
    if route.candidate is not None:
        return replace(route, candidate=None, share=0.0, shadow=False)
    assert route.previous is not None
    return Route(route.previous, previous=route.source)
