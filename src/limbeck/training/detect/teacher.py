"""A larger detector that a small one learns from: its maps on the same pixels, its boxes on unlabelled pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limbeck.bundle.detect.detector import LEAST, Detector
from limbeck.bundle.manifest import Manifest, read_manifest
from limbeck.errors import LimbeckError
from limbeck.events import check
from limbeck.files import sha256
from limbeck.kinds.image.reading.decode import Picture
from limbeck.networks.detect.centre_map import CentreMap
from limbeck.progress import progress, say
from limbeck.recipe import Recipe, Teacher, load_recipe
from limbeck.tasks.detect.boxes import Boxes, Labelled
from limbeck.tasks.detect.reading.raw import pictures_in
from limbeck.training.build import network_kind
from limbeck.training.warm_start import PREFIX, found_bundle, read_weights

_WHERE = "teachers"
UNSURE = 0.5  # of a class's threshold: boxes from here on are regions in which nothing is learned


class HeatTeacher:
    """The network of a bundle of a detector, and which of its classes is which of ours.

    Parameters
    ----------
    folder
        The bundle.
    classes
        Our classes, each of which it has to know.

    Raises
    ------
    LimbeckError
        When it is another bundle, or lacks a class.
    """

    def __init__(self, folder: Path, teacher: Teacher, classes: Sequence[str]) -> None:
        manifest = read_manifest(folder)
        self.places = places_of(manifest, teacher, classes, folder)
        recipe = load_recipe(folder / "recipe.toml")
        kind, options = network_kind(recipe)
        network = kind(options, None, len(manifest.classes))
        assert isinstance(network, CentreMap)  # the bundle is a detector's
        try:
            network.take_folded(read_weights(folder))
        except (KeyError, RuntimeError) as error:
            what = "its weights are not those of the network that its recipe names"
            raise LimbeckError(what, where=folder, fix="name another bundle") from error
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores [B, C, h, w] of our classes and distances [B, 4, h, w] in cells."""
        self.network.to(pixels.device)
        logits, sides = self.network.dense(pixels.contiguous(memory_format=torch.channels_last))
        scores = torch.sigmoid(logits.float())
        ours = [scores[:, own].amax(dim=1) for own in self.places]
        return torch.stack(ours, dim=1), sides.float()


def places_of(manifest: Manifest, teacher: Teacher, classes: Sequence[str], folder: Path) -> list[list[int]]:
    """Return for each of our classes the places of those that the teacher has for it.

    Raises
    ------
    LimbeckError
        Where it has none for a class, or finds no boxes.
    """
    if manifest.detection is None:
        raise LimbeckError("this bundle finds no boxes", where=folder, fix="name a detector")
    theirs = [teacher.labels.get(name, name) for name in manifest.classes]
    places = [[at for at, name in enumerate(theirs) if name == ours] for ours in classes]
    if lacks := [name for name, own in zip(classes, places, strict=True) if not own]:
        fix = "map its classes to ours in teachers.labels"
        raise LimbeckError(f"the teacher {teacher.name!r} does not know the class {lacks[0]!r}", where=folder, fix=fix)
    return places


def teacher_folder(recipe: Recipe, folders: list[Path | None]) -> Path | None:
    """Return the bundle of the recipe's teacher; None where it has none.

    Raises
    ------
    LimbeckError
        For several teachers, or one that is no bundle.
    """
    if not recipe.teachers:
        return None
    if len(recipe.teachers) > 1:
        raise LimbeckError("a detector learns from one teacher", where=_WHERE, fix="name one")
    source = recipe.teachers[0].source
    place = found_bundle(source, folders) if source.startswith(PREFIX) else None
    if place is None:
        raise LimbeckError("a detector's teacher is the bundle of another one", where=source, fix="write bundle:PATH")
    return Path(place.removeprefix(PREFIX))


def pseudo_labelled(
    recipe: Recipe, folder: Path, base: Path, classes: Sequence[str], known: set[str]
) -> list[Labelled]:
    """Return the unlabelled pictures of the recipe with the boxes that a teacher finds in them.

    Boxes from the teacher's threshold on are learned; what is less sure is a region in which nothing is.

    Parameters
    ----------
    folder
        The teacher's bundle.
    known
        Hashes of labelled pictures, which stay as they are.
    """
    found: list[Labelled] = []
    files = [file for path in recipe.data.unlabelled for file in _files(base / path)]
    with Detector(folder) as detector, progress("pseudo-boxes", len(files)) as tick:
        places = places_of(detector.manifest, recipe.teachers[0], classes, folder)
        ours = {theirs: at for at, own in enumerate(places) for theirs in own}
        cuts = np.array([detector.facts.thresholds[name] for name in detector.classes])
        for file in files:
            check()
            tick(1)
            sha = sha256(file)
            (one,) = detector.detect([Picture(file)], threshold=LEAST, unreadable="none")
            if one is None or sha in known:
                continue
            known.add(sha)
            kept = np.array([label in ours for label in one.labels.tolist()], dtype=bool)
            one = one.take(kept & (one.scores >= UNSURE * cuts[one.labels]))
            labels = np.array([ours[label] for label in one.labels.tolist()], dtype=np.int64)
            boxes = Boxes(one.edges.astype(np.float64), labels, one.scores < cuts[one.labels])
            found.append(Labelled(str(file), file, one.size, boxes, "train", "", sha))
    boxes_found = sum(int((~one.boxes.crowd).sum()) for one in found)
    say(f"the teacher labelled {len(found):,} pictures with {boxes_found:,} boxes")
    return found


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise LimbeckError("there is no such file", where=path, fix="check data.unlabelled")
    return pictures_in(path) if path.is_dir() else [path]
