"""Which pictures stay together: those of one person, where a published layout says who it is."""

from __future__ import annotations

from collections.abc import Collection

from limbeck.kinds.image.layouts import celeba_spoof as celeba
from limbeck.kinds.parts import named_group
from limbeck.recipe import Recipe


def group(recipe: Recipe, columns: Collection[str]) -> str | None:
    """Return the column whose rows stay together."""
    name = named_group(recipe, columns)
    if name is None and recipe.data.layout == celeba.NAME and celeba.SUBJECT in columns:
        return celeba.SUBJECT
    return name
