"""A classifier behind a detector: what lies in each box is cut out and told apart further, as one bundle.

The classifier is a bundle of its own in the folder ``classifier`` of the detector's; ``bundle.json`` of the detector
holds the hash of that of the classifier, so that neither can be exchanged.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.detect.found import Detections
from limbeck.bundle.manifest import CLASSIFIER, FILE, Manifest, Second, read_manifest, write_manifest
from limbeck.errors import LimbeckError
from limbeck.files import sha256, whole_folder
from limbeck.kinds.image.reading.decode import Box, Picture, upright
from limbeck.model_names import model_path


def join(detector: str | Path, classifier: str | Path, out: str | Path, *, margin: float = 0.0) -> Path:
    """Write a bundle that finds boxes like ``detector`` and tells what is in them like ``classifier``.

    Parameters
    ----------
    detector, classifier
        Bundles, or their names in the registry; the classifier is one of pictures.
    margin
        Share of its sides by which a box is widened on every side before it is cut out, as wide as the pictures are cut
        that the classifier learned from.

    Raises
    ------
    LimbeckError
        When they are other bundles, or ``out`` is one of them.
    """
    first, second, target = model_path(detector), model_path(classifier), Path(out)
    manifest = read_manifest(first)
    if manifest.detection is None:
        raise LimbeckError("this bundle finds no boxes", where=first, fix="name a detector first")
    with Classifier(second) as told:
        if told.kind.name != "image" or told.mapped:
            raise LimbeckError("this bundle does not classify pictures", where=second, fix="name another one")
    if not 0 <= margin <= 4:
        raise LimbeckError(f"margin is 0 to 4, not {margin}", where="join")
    if target.exists() and any(target.samefile(one) for one in (first, second)):
        raise LimbeckError("this is one of the two bundles", where=target, fix="name another folder")
    with whole_folder(target) as folder:
        for name in manifest.files:
            shutil.copyfile(first / name, folder / name)
        (folder / CLASSIFIER).mkdir()
        for name in (*read_manifest(second).files, FILE):
            shutil.copyfile(second / name, folder / CLASSIFIER / name)
        behind = Second(sha256=sha256(folder / CLASSIFIER / FILE), margin=margin)
        facts = {name: getattr(manifest, name) for name in Manifest.model_fields if name not in ("format", "files")}
        write_manifest(folder, {**facts, "detection": manifest.detection.model_copy(update={"second": behind})})
    return target


class SecondStage:
    """The classifier of a joined bundle.

    Raises
    ------
    LimbeckError
        When it is not the one that the detector was joined with.
    """

    def __init__(self, folder: Path, second: Second, threads: int) -> None:
        file = folder / CLASSIFIER / FILE
        try:
            found = sha256(file, inside=folder)
        except OSError as error:
            raise LimbeckError("the classifier is missing", where=file, fix="join the bundles again") from error
        if found != second.sha256:
            raise LimbeckError("not the classifier that was joined", where=file, fix="join the bundles again")
        self.classifier, self.margin = Classifier(folder / CLASSIFIER, threads=threads), second.margin

    def told(self, pictures: Sequence[Picture], found: Sequence[Detections | None]) -> list[Detections | None]:
        """Return the boxes with what the classifier says of each."""
        out: list[Detections | None] = []
        for picture, one in zip(pictures, found, strict=True):
            if one is None or not len(one):
                out.append(one if one is None else replace(one, kinds=(), certain=np.empty(0, dtype=np.float32)))
                continue
            image = upright(picture)
            p = self.classifier.probabilities_of([Picture(image, self._box(edges)) for edges in one.edges.tolist()])
            decided = self.classifier.decide(p)
            names = tuple(self.classifier.classes[at] for at in decided.tolist())
            out.append(replace(one, kinds=names, certain=p[np.arange(len(p)), decided]))
        return out

    def _box(self, edges: Sequence[float]) -> Box:
        x0, y0, x1, y1 = edges
        more_x, more_y = self.margin * (x1 - x0), self.margin * (y1 - y0)
        return Box(x0 - more_x, y0 - more_y, x1 - x0 + 2 * more_x, y1 - y0 + 2 * more_y)

    def close(self) -> None:
        """Close the classifier."""
        self.classifier.close()
