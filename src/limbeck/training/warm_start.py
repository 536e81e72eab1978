"""A student that begins from an earlier bundle: its encoder is taken over as it is, and its weights where they fit.

``student.init = "bundle:PATH"`` names one, or ``"bundle:models:NAME"``. The classes, the network and what the encoder
reads have to be the same: a start that fits in part would be a start at random that looks like none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from limbeck.bundle.manifest import read_manifest
from limbeck.errors import LimbeckError
from limbeck.files import read_regular
from limbeck.kinds import kind_of
from limbeck.kinds.select import RowInput
from limbeck.model_names import SCHEME, model_path
from limbeck.networks import Network
from limbeck.recipe import Recipe, load_recipe
from limbeck.recipe.paths import find

PREFIX = "bundle:"
WEIGHTS = "weights.safetensors"
_LARGEST = 2**33  # bytes of the weights
_WHERE = "student.init"


def found_bundle(path: str, folders: Sequence[Path | None]) -> str | None:
    """Return "bundle:" and the folder that a start names, or None where it is not there."""
    named = path.removeprefix(PREFIX)
    place = model_path(named) if named.startswith(SCHEME) else find(named, [*folders, Path()])
    return None if place is None else f"{PREFIX}{place}"


def bundle_of(start: str | None) -> Path | None:
    """Return the folder of the bundle that a start is; None where it is another start, or there is none."""
    return Path(start.removeprefix(PREFIX)) if start is not None and start.startswith(PREFIX) else None


def refuse_bundle(start: str | None, who: str) -> None:
    """Raise where a start is a bundle."""
    if bundle_of(start) is not None:
        raise LimbeckError(f"{who} cannot begin from a bundle", where=_WHERE, fix="leave it out, or name weights")


def encoder_of(recipe: Recipe, folder: Path, classes: Sequence[str]) -> RowInput:
    """Return the encoder of the bundle that a student begins from.

    Raises
    ------
    LimbeckError
        Where the bundle has other classes, another network, or reads rows otherwise.
    """
    manifest = read_manifest(folder)
    theirs = load_recipe(folder / "recipe.toml")
    if theirs.task.kind != recipe.task.kind:
        raise _unfit(folder, "it reads", theirs.task.kind, recipe.task.kind)
    if list(classes) != manifest.classes:
        raise _unfit(folder, "its classes are", manifest.classes, list(classes))
    if theirs.student.network != recipe.student.network:
        raise _unfit(folder, "its network is", theirs.student.network, recipe.student.network)
    if kind_of(recipe.task).by_columns and theirs.task.inputs != recipe.task.inputs:
        raise _unfit(folder, "its columns are", theirs.task.inputs, recipe.task.inputs)
    ours, own = recipe.input.model_dump(mode="json"), theirs.input.model_dump(mode="json")
    for key, value in own.items():
        # A file of words was found elsewhere then; the encoder has its words.
        if value != ours[key] and not (key == "stop_words" and isinstance(value, str) and isinstance(ours[key], str)):
            raise _unfit(folder, f"its input.{key} is", value, ours[key])
    return kind_of(recipe.task).encoder.load(manifest.input, folder)


def load_weights(network: Network, folder: Path) -> str:
    """Put the weights of a bundle into a network that has read its training rows; return a line that says so.

    Raises
    ------
    LimbeckError
        When the weights are damaged, or of another network: other options make other shapes.
    """
    weights = read_weights(folder)
    try:
        network.start_from(weights)
    except RuntimeError as error:  # torch lists every name and shape that differs
        raise weights_misfit(folder) from error
    return f"started from the weights and the encoder of {folder.name}"


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the weights of a bundle by their names, in single precision where they are no whole numbers.

    Raises
    ------
    LimbeckError
        When they are missing or damaged.
    """
    file = folder / WEIGHTS
    if not file.exists():
        what = "this bundle was made without its weights (export.weights)"
        raise LimbeckError(what, where=folder, fix="name another bundle, or train it with export.weights = true")
    try:
        weights = load(read_regular(file, _LARGEST, inside=folder))
    except (OSError, SafetensorError, ValueError) as error:
        raise LimbeckError("cannot be read", where=file, fix="name another bundle") from error
    return {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}


def weights_misfit(folder: Path) -> LimbeckError:
    """Return the error for weights of a bundle that a network of other options cannot take."""
    what = "its weights do not fit the network of the recipe: the options of [student] differ"
    return LimbeckError(what, where=folder, fix=f"take those of {folder / 'recipe.toml'}")


def _unfit(folder: Path, what: str, theirs: Any, ours: Any) -> LimbeckError:
    fact = f"{what} {_shown(theirs)}, those of the recipe {_shown(ours)}"
    if isinstance(theirs, str | int | float | bool):
        fact = f"{what} {_shown(theirs)}, that of the recipe {_shown(ours)}"
    return LimbeckError(fact, where=folder, fix="set the recipe like the bundle's, or leave student.init out")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
