"""Heat maps: where a detector finds a picture strange, laid over it.

Below half of what few normal pictures reach anywhere (a map's 1) nothing is drawn, so that a normal picture looks as
it did; from there the heat goes from yellow to red and grows opaque. The picture under it is grey, as colour would
compete.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck.errors import LimbeckError
from limbeck.files import left_behind, out_of_reach, remove, whole_file
from limbeck.kinds.image.reading.decode import Picture, cropped
from limbeck.kinds.image.reading.files import quiet_pillow

LARGEST = 512  # pixels of the longer side of a drawing
_BEGINS, _FULL = 0.5, 2.0  # of a map: where heat begins to show, and where it is full
_LATER = 0.5  # of a picture's largest value: below that nothing is drawn either
_OPAQUE = 0.65


def heat(picture: Picture, places: NDArray[np.float32], *, margin: float = 0.0, largest: int = LARGEST) -> Image.Image:
    """Return a picture with its map over it, RGB.

    Parameters
    ----------
    picture
        As the detector read it; of a box only the part that it looked at is drawn.
    places
        float32 [h, w], the picture's map from `Classifier.maps`.
    margin
        The bundle's ``input.margin``.

    Raises
    ------
    LimbeckError
        When the picture cannot be read.
    """
    image = cropped(picture, margin)
    image.thumbnail((largest, largest))
    warm = Image.fromarray(np.nan_to_num(places).astype(np.float32)).resize(image.size, Image.Resampling.BILINEAR)
    # Around what is very strange all is strange by comparison: the hotter the picture, the later its heat begins.
    hottest = float(np.asarray(warm).max())
    begins, full = max(_BEGINS, _LATER * hottest), max(_FULL, hottest)
    share = ((np.asarray(warm) - begins) / (full - begins)).clip(0.0, 1.0)[..., None]
    colour = np.concatenate((np.full_like(share, 255.0), 210.0 * (1.0 - share), np.zeros_like(share)), axis=2)
    grey = np.asarray(image.convert("L").convert("RGB"), dtype=np.float32)
    # It shows at once where it begins, or the edge of the heat could not be seen.
    alpha = np.where(share > 0, 0.2 + (_OPAQUE - 0.2) * share, 0.0)
    return Image.fromarray((grey * (1.0 - alpha) + colour * alpha).round().astype(np.uint8))


class HeatMaps:
    """A folder that takes one PNG for each picture, named by its row and the picture's own name.

    Who makes one holds the lock on the folder: half-written maps of a killed run are removed.

    Raises
    ------
    LimbeckError
        When the folder cannot be made, or is a file.
    """

    def __init__(self, folder: str | Path, margin: float = 0.0) -> None:
        self.folder, self.margin = Path(folder), margin
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise out_of_reach(error, self.folder) from error
        for part in left_behind(self.folder, r"\d{6,}-[\w.-]*\.png"):
            remove(part)

    def name(self, number: int, picture: Picture) -> str:
        """Return the file name for row ``number``: of a path only the last part, and of that only plain letters."""
        stem = re.sub(r"[^\w.-]", "_", Path(picture.where).stem)
        return f"{number:06d}-{stem[:80]}.png"

    def write(self, number: int, picture: Picture, places: NDArray[np.float32]) -> Path:
        """Draw one picture's map and write it, whole or not at all; return where."""
        target = self.folder / self.name(number, picture)
        try:
            with quiet_pillow():
                drawn = heat(picture, places, margin=self.margin)
        except LimbeckError as error:
            raise LimbeckError(error.what, where=picture.where, fix=error.fix) from error
        with whole_file(target) as part:
            drawn.save(part, "PNG")
        return target
