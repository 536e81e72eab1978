"""The models of one worker: loaded bundles by name, which of them answers, and their replacement without a gap.

A name has the bundle in use and, if asked for, a candidate beside it: one that answers a share of the requests, or one
that answers every request too, in the background, to count where it differs (a shadow).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.kinds.select import Values
from limbeck.serving.http import Refusal
from limbeck.serving.loaded import Loaded, open_source
from limbeck.serving.metrics import Ledger
from limbeck.serving.settings import Settings
from limbeck.serving.waiting import Outcome

_SHOWN = 100  # characters of a name that a client has given


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
        for label, count in used.counted(answer).items():
            self.ledger.bump((used.counter, (("model", name), ("version", used.version), ("label", label))), count)
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
        pairs = zip(used.told(answer), shadow.told(other), strict=True)
        self.ledger.add("limbeck_shadow_rows_total", labels, len(other.decided))
        self.ledger.add("limbeck_shadow_different_labels_total", labels, sum(one != two for one, two in pairs))

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
        return await asyncio.get_running_loop().run_in_executor(None, open_source, source, self.settings)

    def _let_go(self, *gone: Loaded) -> None:
        for loaded in gone:
            task = asyncio.get_running_loop().create_task(loaded.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


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
