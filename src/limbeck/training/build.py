"""A fresh student of a recipe: its network, its fitted encoder, and the weights it may start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds import kind_of
from limbeck.kinds.select import RowInput, Values
from limbeck.networks import NETWORKS, Network
from limbeck.networks.image.spectrum import fused
from limbeck.networks.text.wide_deep import WideNetwork
from limbeck.progress import say
from limbeck.recipe import Init, Recipe, override
from limbeck.recipe.paths import find, needed
from limbeck.tasks import task_of
from limbeck.tasks.classify.attack_rows import bona_fide_index
from limbeck.training.pretrained_tokenizer import pretrained_input
from limbeck.training.warm_start import PREFIX, bundle_of, encoder_of, found_bundle


def positive_index(recipe: Recipe, classes: tuple[str, ...]) -> int:
    """Return the index of the class that binary metrics are about: the recipe's, else the second."""
    name = recipe.task.positive
    if recipe.evaluation.attacks is not None:
        bona_fide_index(recipe.evaluation.attacks, classes)  # here, where every training and doctor comes by in time
    if name is None:
        return 1
    if name not in classes:
        raise LimbeckError(f"task.positive {name!r} is no class", where="recipe", fix=did_you_mean(name, classes))
    return classes.index(name)


def start_of(recipe: Recipe, folders: list[Path | None], *, quiet: bool = False) -> str | None:
    """Return where the student's start is: a path or a Hugging Face id; None where it has none."""
    init = recipe.student.init
    if init is None:
        return None
    wanted = init if isinstance(init, Init) else Init(path=init)
    if wanted.path.startswith(PREFIX):
        if (bundle := found_bundle(wanted.path, folders)) is not None:
            return bundle
    elif (found := find(wanted.path, [*folders, Path()])) is not None:
        return str(found)
    if wanted.optional:
        if not quiet:
            say(f"student.init: {wanted.path} is not there; the student starts at random")
        return None
    if recipe.student.network == "albert" and not wanted.path.startswith((".", "/")):
        return wanted.path  # a Hugging Face id
    raise LimbeckError("the start of the student is missing", where=wanted.path, fix="check student.init")


def with_stop_words(recipe: Recipe, folders: list[Path | None]) -> Recipe:
    """Return the recipe with its file of stop words found, as any other path of it is."""
    words = recipe.input.stop_words
    if not isinstance(words, str):
        return recipe
    return override(recipe, {"input.stop_words": str(needed(words, folders, "input.stop_words"))})


def network_kind(recipe: Recipe) -> tuple[type[Network], Any]:
    """Return the class of the network that a recipe names and its checked options; `build` says what it raises."""
    name = recipe.student.network
    if name not in NETWORKS:
        what = f"student.network: unknown network {name!r}"
        raise LimbeckError(what, where="recipe", fix=did_you_mean(name, NETWORKS))
    kind = NETWORKS[name]
    options = kind.parse(recipe.student.options)
    reads = task_of(recipe.task).read_by(kind_of(recipe.task).reads(recipe.task, recipe.input))
    if not set(reads) & set(kind.encoders):
        what = f"the network {name!r} cannot read {reads[0]!r} rows (task.kind, input.encoder)"
        raise LimbeckError(what, where="recipe", fix=f"use {' or '.join(map(repr, kind.encoders))}")
    return kind, options


def build(recipe: Recipe, values: Values, classes: tuple[str, ...], start: str | None) -> tuple[Network, RowInput]:
    """Return a fresh student and its fitted input; the weights of a bundle are not in it yet, see `load_weights`.

    Raises
    ------
    LimbeckError
        For an unknown network, unknown options, or an encoder that the network cannot read.
    """
    kind, options = network_kind(recipe)
    torch.manual_seed(recipe.training.seed)
    bundle = bundle_of(start)
    pretrained = (
        start is not None
        and bundle is None
        and recipe.input.encoder == "wordpiece"
        and recipe.student.network == "albert"
    )
    kind_of_input = kind_of(recipe.task).encoder
    encoder: RowInput = (
        encoder_of(recipe, bundle, classes)
        if bundle is not None
        else pretrained_input(recipe.input, start, [str(text) for text in values])
        if pretrained and start
        else kind_of_input.fit(recipe.input, values)
    )
    network = kind(options, encoder, len(classes))
    if recipe.student.spectrum is not False:
        beside = recipe.student.spectrum
        network = fused(network, encoder, len(classes), {} if beside is True else beside)
    if encoder.wide is not None:
        network = WideNetwork(network, encoder, len(classes), recipe.student.wide.idf)
    if start is not None and bundle is None:
        say(network.load_start(start, encoder))
    return network, encoder
