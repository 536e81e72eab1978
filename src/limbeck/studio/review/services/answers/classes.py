"""The classes that an item can be given, in the order of its model: the order of the digit keys."""

from __future__ import annotations

from functools import lru_cache

from limbeck.errors import LimbeckError
from limbeck.studio.registry.facts import version_of
from limbeck.studio.review.models import Item

MOST = 50  # classes that are looked for among the items of a model that is not in the registry


def classes_of(model: str) -> list[str]:
    """Return the classes of the published version of a model; of a model that is not here, those of its items.

    Items that were imported may have a model that this site never had. Their classes are those that occur, by name.
    """
    try:
        return list(version_of(model).manifest.classes)
    except LimbeckError:
        return list(_among_items(model, _newest(model)))


def _newest(model: str) -> int:
    return Item.objects.filter(model=model).order_by("-pk").values_list("pk", flat=True).first() or 0


@lru_cache(maxsize=64)
def _among_items(model: str, newest: int) -> tuple[str, ...]:
    """Return the classes among the newest items of a model; ``newest`` is the last one, so that news are seen."""
    found: set[str] = set()
    rows = Item.objects.filter(model=model).order_by("-pk").values_list("label", "given", "probabilities")
    for label, given, probabilities in rows[:1000]:
        found |= {label, given, *probabilities}
    return tuple(sorted(found - {""}))[:MOST]


def check_class(model: str, label: str) -> None:
    """Check that a class exists.

    Raises
    ------
    UnknownClassError
        When the model has no such class, e.g. because a page was open while another version was published.
    """
    if label not in classes_of(model):
        raise UnknownClassError(label)


class UnknownClassError(LimbeckError):
    """An answer names a class that does not exist any more."""

    def __init__(self, label: str) -> None:
        super().__init__(f"the class {label[:80]!r} does not exist")
        self.label = label
