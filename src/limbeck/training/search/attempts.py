"""What is trained in turn until a bundle holds the limits of size and speed.

Candidates come first, in the order in which they would be chosen; then smaller variants of them, beginning with the
candidate that exceeds the limits least. A variant is half as wide, has half as many trees, or a smaller vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.messages.message import Message, as_json, message
from limbeck.progress import say
from limbeck.recipe import Recipe, override, toml_value
from limbeck.recipe.amounts import size_text
from limbeck.training.build import network_kind
from limbeck.training.limits import SizeAndSpeed
from limbeck.training.search.choice import Choice, Comparison

_STEPS = 6  # halvings of one candidate


class _Tried(NamedTuple):
    name: str
    recipe: Recipe
    measured: SizeAndSpeed
    choice: Choice | None


class Attempts:
    """The recipe to train now, and why it is that one.

    Attributes
    ----------
    recipe, choice
        Of the present attempt; ``choice`` is None where no candidates were compared.
    name
        What messages call the attempt.
    report
        Bytes of a bundle's report and figures, once one was too large with them.
    """

    def __init__(self, recipe: Recipe, comparison: Comparison | None) -> None:
        self._comparison = comparison
        self._over: dict[str, tuple[Recipe, SizeAndSpeed]] = {}
        self._whole: list[_Tried] = []  # candidates as they were compared
        self._waiting: list[_Tried] | None = None  # those to make smaller, the last first
        self._changed: dict[str, Any] = {}
        self._base, self._steps = "", 0
        self._smaller: Message | None = None
        self._left_out: list[Message] = []
        self._held: list[Message] = []
        self.report = 0
        self.measured: SizeAndSpeed | None = None
        self.choice: Choice | None = None
        self.recipe, self.name = recipe, recipe.student.network
        if comparison is not None:
            self._take(comparison.choice())

    @property
    def first(self) -> bool:
        """Whether nothing was tried before."""
        return not self._over

    @property
    def lines(self) -> list[Message]:
        """What was left out and why, and how the limits are held."""
        return [*self._left_out, *self._held]

    def accept(self, recipe: Recipe, measured: SizeAndSpeed) -> None:
        """Note that the attempt holds the limits, by the keys of ``[export]`` in ``recipe``."""
        weighed, self.recipe, self.measured = self.recipe.export.weights, recipe, measured
        limits, held = recipe.export, [one for one in self._held if one.code == "limits.without_weights"]
        if self._smaller is not None:
            held.insert(0, self._smaller)
        if weighed and not limits.weights:
            held.append(message("limits.without_weights"))
        if limits.max_size is not None:
            held.append(message("limits.size_held", most=size_text(limits.max_size)))
        if limits.min_rows_per_second is not None:
            least = math.ceil(limits.min_rows_per_second)
            held.append(message("limits.speed_held", rate=int(measured.rate), least=least))
        self._held = held
        for line in held:
            say(line)

    def reject(self, measured: SizeAndSpeed) -> None:
        """Note that the attempt does not hold the limits, and go on to the next.

        Raises
        ------
        LimbeckError
            When nothing is left; it names the smallest and the fastest that was found.
        """
        for line in measured.over(self.recipe.export, self.name):
            self._left_out.append(line)
            say(line)
        self._held = []
        self._over[self.name] = self.recipe, measured
        if self._waiting is None:
            self._whole.append(_Tried(self.name, self.recipe, measured, self.choice))
            tried = [one.name for one in self._whole]
            if self._comparison is not None and len(tried) < len(self._comparison.answers):
                self._take(self._comparison.choice(tried))
                return
            farthest = sorted(self._whole, key=lambda one: -one.measured.excess(one.recipe.export))
            nearest = {one.recipe.student.network: one for one in farthest}  # of each network one
            self._waiting = sorted(nearest.values(), key=farthest.index)
        elif self._steps < _STEPS and self._shrink(self.recipe, measured):
            return
        while self._waiting:
            self._base, base, before, choice = self._waiting.pop()
            self.choice = choice and replace(choice, answers=None)  # they are of the whole one
            self._changed, self._steps = {}, 0
            if self._shrink(base, before):
                return
        raise self._nothing_left()

    def facts(self) -> dict[str, Any]:
        """Return how the limits are held as metrics.json holds it."""
        limits = self.recipe.export
        return {
            "max_size": limits.max_size, "min_rows_per_second": limits.min_rows_per_second,
            "rows_per_second": self.measured.rate if self.measured and self.measured.rate else None,
            "left_out": {name: vars(measured) for name, (_, measured) in self._over.items()},
            "why": [str(line) for line in self.lines], "messages": list(map(as_json, self.lines)),
        }  # fmt: skip

    def _take(self, choice: Choice) -> None:
        self.choice, self.recipe, self.name = choice, choice.recipe, choice.name
        for line in choice.messages:
            say(line)

    def _shrink(self, recipe: Recipe, measured: SizeAndSpeed) -> bool:
        """Go on with a smaller variant of a recipe; return whether there is one."""
        values = smaller(recipe, measured)
        if not values:
            return False
        self._steps += 1
        self._changed |= values
        keys = [f"{key} = {toml_value(value)}" for key, value in self._changed.items()]
        self.recipe, self.name = override(recipe, values), f"{self._base} ({', '.join(keys)})"
        self._smaller = message("limits.smaller", name=self._base, keys=keys)
        say(self._smaller)
        return True

    def _nothing_left(self) -> LimbeckError:
        limits = self.recipe.export
        small = min(self._over, key=lambda name: self._over[name][1].size)
        fast = max(self._over, key=lambda name: self._over[name][1].rate)
        size, rate = size_text(self._over[small][1].size), int(self._over[fast][1].rate)
        what = [message("limits.smallest", name=small, size=size)] if limits.max_size is not None else []
        what += [message("limits.fastest", name=fast, rate=rate)] if limits.min_rows_per_second is not None else []
        told = message("limits.none", tried=len(self._over), found=what)
        return LimbeckError(told, where="export", fix=message("limits.none_fix"))


def smaller(recipe: Recipe, measured: SizeAndSpeed) -> dict[str, Any]:
    """Return the keys of a smaller or faster variant, ``section.key`` -> value; empty where there is none."""
    network, options = network_kind(recipe)
    values = {f"student.{key}": value for key, value in network.smaller(options).items()}
    kind = kind_of(recipe.task)
    if kind.offers("portfolio", "smaller"):
        fewer = kind.load("portfolio").smaller
        for faster, asked in ((False, measured.too_large(recipe.export)), (True, measured.too_slow(recipe.export))):
            if asked:
                values |= {f"input.{key}": value for key, value in fewer(recipe.input, faster=faster).items()}
    return values
