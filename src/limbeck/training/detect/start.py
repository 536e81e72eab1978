"""A detector that begins from the weights of another one: all of them, or all but the heat of other classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from limbeck.bundle.manifest import read_manifest
from limbeck.errors import LimbeckError
from limbeck.networks.detect.centre_map import CentreMap
from limbeck.progress import say
from limbeck.training.warm_start import bundle_of, read_weights, weights_misfit

_WHERE = "student.init"


def started(network: CentreMap, start: str, classes: Sequence[str]) -> None:
    """Put the weights of a bundle into a network; the heat of classes that the bundle lacks starts anew.

    Raises
    ------
    LimbeckError
        Where the start is no bundle of a detector of the same shape.
    """
    folder = bundle_of(start)
    if folder is None:
        raise LimbeckError("a detector begins at random or from a bundle", where=_WHERE, fix="write bundle:PATH")
    manifest, given = read_manifest(folder), read_weights(folder)
    shared = [name for name in classes if name in manifest.classes]
    theirs = [manifest.classes.index(name) for name in shared]
    ours = [list(classes).index(name) for name in shared]
    with torch.no_grad():
        for key, fresh in (("heat.weight", network.heat.weight), ("heat.bias", network.heat.bias)):
            if key in given and fresh.shape[1:] == given[key].shape[1:]:
                own = fresh.detach().clone()
                own[ours] = given[key][theirs]
                given[key] = own
    try:
        network.take_folded(given)
    except (KeyError, RuntimeError) as error:
        raise weights_misfit(folder) from error
    say(f"started from the weights of {folder.name}; the heat of {len(shared)} of {len(classes)} classes is taken over")
