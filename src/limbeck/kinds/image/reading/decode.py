"""One picture: a file, or one in memory, to upright eight-bit RGB, and the part of it that a box names.

Files are hostile until decoded: the size is read off the header and refused before anything is unpacked, only the
formats below are tried, and whatever a decoder raises becomes one line with the path. What a decoder takes differs by
format, so the most pixels do too: reading a picture takes at most `BOUND` bytes, and large ones are read one at a time.
The content decides what a file is, not its ending. Of an animation the first frame counts; EXIF says which way is up
(JEITA CP-3451, tag 0x0112).
"""

from __future__ import annotations

import hashlib
import io
import math
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from limbeck.errors import LimbeckError, first_line
from limbeck.kinds.image.reading.rgb import as_rgb
from limbeck.messages.message import Message, message

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
ENDINGS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "MPO": (".jpg", ".jpeg", ".mpo"), "PNG": (".png", ".apng"),
    "WEBP": (".webp",), "BMP": (".bmp", ".dib"), "GIF": (".gif",), "TIFF": (".tif", ".tiff"),
}  # fmt: skip
BOUND = 2**30  # bytes of memory that a picture takes while it is read
MOST_PIXELS = 80_000_000  # 320 MB as Pillow holds them; just below where it begins to warn
MOST_OF = {"WEBP": 40_000_000}  # its decoder holds the picture four times
LARGE = 16_000_000  # pixels above which pictures are read one at a time
MOST_BYTES = 256 * 2**20
MOST_COUNTED = 4 * 2**20  # bytes of an animation whose frames are counted
_PLAIN = 1  # what is packed goes to libtiff, which prints on standard error and has a long history of faults
_COMPRESSION, _TILE = 259, (322, 323)
_one_at_a_time = threading.Lock()
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
Edges = tuple[int, int, int, int]
T = TypeVar("T")


@dataclass(frozen=True)
class Box:
    """A part of an upright picture: left, top, width and height in pixels.

    ``frame`` is the side of the square that the picture was scaled to when the box was drawn; 0 means not at all. A box
    whose cell was empty holds NaN.
    """

    x: float
    y: float
    width: float
    height: float
    frame: float = 0.0

    def edges(self, size: tuple[int, int], margin: float = 0.0) -> Edges:
        """Return left, top, right and bottom in a picture of ``size`` (width, height), clipped to it.

        Parameters
        ----------
        margin
            Share of width and height that is added on each side.

        Raises
        ------
        LimbeckError
            When the box is empty, inverted, or wholly outside.
        """
        values = (self.x, self.y, self.width, self.height)
        if not all(math.isfinite(value) for value in values):
            raise LimbeckError(message("picture.box_missing"), fix=message("fix.fill_in"))
        if self.width <= 0 or self.height <= 0:
            kind = "picture.box_empty" if self.width >= 0 and self.height >= 0 else "picture.box_inverted"
            raise LimbeckError(message(kind, width=self.width, height=self.height), fix=message("fix.box"))
        across, down = (side / self.frame if self.frame else 1.0 for side in size)
        left, right = self.x * across, (self.x + self.width) * across
        top, bottom = self.y * down, (self.y + self.height) * down
        if right <= 0 or bottom <= 0 or left >= size[0] or top >= size[1]:
            raise LimbeckError(message("picture.box_outside", values=values, width=size[0], height=size[1]))
        more_x, more_y = margin * (right - left), margin * (bottom - top)
        first_x, first_y = (max(0, math.floor(low + 0.5)) for low in (left - more_x, top - more_y))
        last_x = min(size[0], max(first_x + 1, math.floor(right + more_x + 0.5)))
        last_y = min(size[1], max(first_y + 1, math.floor(bottom + more_y + 0.5)))
        return min(first_x, last_x - 1), min(first_y, last_y - 1), last_x, last_y


@dataclass(frozen=True)
class Picture:
    """A picture to be read: a path, or the bytes of a file, a Pillow image or a uint8 array [H, W(, 1, 3 or 4)].

    ``name`` is what errors call it: the path as its table writes it.
    """

    source: Any
    box: Box | None = None
    name: str = ""

    @property
    def where(self) -> str:
        """What errors call it."""
        return self.name or (str(self.source) if isinstance(self.source, str | Path) else "the picture")


@dataclass(frozen=True)
class Seen:
    """What a look at a file found: the hash of its content, and what is odd about it though it can be read.

    ``size`` is width and height once it is upright, ``turn`` the orientation that EXIF names, 1 where it names none.
    """

    sha256: str
    odd: Message | None = None
    size: tuple[int, int] = (0, 0)
    turn: int = 1

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height as the file holds it, before EXIF turns it."""
        return _turned(self.size, self.turn)


def upright(picture: Picture) -> Image.Image:
    """Return a picture decoded: mode RGB, upright, whole.

    Raises
    ------
    LimbeckError
        For a missing, empty, truncated or oversized file, one that is no picture, or an array of another kind.
    """
    return reduced(replace(picture, box=None), lambda image: image)


def cropped(picture: Picture, margin: float) -> Image.Image:
    """Return what is looked at of a picture: `upright`, and of a box that part, with a margin in shares of its sides.

    Raises
    ------
    LimbeckError
        As `upright`; and for a box outside of the picture.
    """
    return reduced(picture, lambda image: image, margin)


def reduced(picture: Picture, reduce: Callable[[Image.Image], T], margin: float = 0.0) -> T:
    """Return what ``reduce`` makes of `cropped`; a large picture is gone before the next one is read.

    Raises
    ------
    LimbeckError
        As `cropped`.
    """
    try:
        image = _opened(picture)
        with _in_turn(image):
            whole = _upright(image)
            if picture.box is not None:
                whole = whole.crop(picture.box.edges(whole.size, margin))
            return reduce(whole)
    except LimbeckError as error:
        raise LimbeckError(error.what, where=picture.where, fix=error.fix) from error


@contextmanager
def _in_turn(image: Image.Image) -> Iterator[None]:
    if image.size[0] * image.size[1] <= LARGE:
        yield
        return
    with _one_at_a_time:
        yield


def look(picture: Picture) -> Seen:
    """Read a file to its end without keeping the pixels; see `upright` for the errors, and `Box.edges`."""
    try:
        content = _content(Path(picture.source))
        image = _open(content)
        size, format_ = image.size, image.format or ""
        image.draft("RGB", (1, 1))  # of a JPEG an eighth of the size is decoded, but all of the file
        # Before anything else is asked of it: EXIF of a PNG and the frames of a GIF load it too, and hide what fails.
        with _in_turn(image):
            _load(image)
        turn = _turn(image)
        size = _turned(size, turn)
        if picture.box is not None:
            picture.box.edges(size)
        frames = _frames(image, len(content)) if format_ != "MPO" else "1"
    except LimbeckError as error:
        raise LimbeckError(error.what, where=picture.where, fix=error.fix) from error
    odd = []
    if Path(picture.source).suffix.lower() not in ENDINGS.get(format_, ()):
        odd.append(message("picture.format", format=format_))
    if frames == "many":
        odd.append(message("picture.pages" if format_ == "TIFF" else "picture.long_animation"))
    elif frames != "1":
        odd.append(message("picture.animation", frames=frames) if frames else message("picture.damaged_animation"))
    both = message("picture.oddities", one=odd[0], other=odd[1]) if len(odd) > 1 else None
    return Seen(hashlib.sha256(content).hexdigest(), both or (odd[0] if odd else None), size, turn)


def _content(path: Path) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise LimbeckError(message("picture.folder"))
        size = found.st_size
        if size == 0:
            raise LimbeckError(message("file.empty"))
        if size > MOST_BYTES:
            raise LimbeckError(message("picture.too_many_bytes", count=size))
        return path.read_bytes()
    except FileNotFoundError:
        if "\\ud" in str(path):  # see `files.writable`
            raise LimbeckError(message("picture.path_not_utf8"), fix=message("fix.rename")) from None
        raise LimbeckError(message("file.missing"), fix=message("fix.path")) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise LimbeckError(message("file.unreadable", error=first_line(error)), fix=message("fix.path")) from error


def _opened(picture: Picture) -> Image.Image:
    source = picture.source
    if isinstance(source, Image.Image):
        return _sized(source)
    if isinstance(source, np.ndarray):
        return _sized(_of_array(source))
    if isinstance(source, bytes):
        if len(source) > MOST_BYTES:
            raise LimbeckError(message("picture.too_many_bytes", count=len(source)))
        return _open(source)
    return _open(_content(Path(source)))


def _of_array(array: np.ndarray) -> Image.Image:
    flat = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.dtype != np.uint8 or not (flat.ndim == 2 or (flat.ndim == 3 and flat.shape[2] in (3, 4))) or not flat.size:
        what = f"an array of {array.dtype} {list(array.shape)} where uint8 [H, W, 3] is wanted"
        raise LimbeckError(what, fix=message("fix.uint8"))
    return Image.fromarray(np.ascontiguousarray(flat))


def _open(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise LimbeckError(message("picture.bomb", error=first_line(error))) from error
    except Exception as error:  # what plugins raise on hostile headers has no common base
        fix = message("fix.formats", formats=FORMATS)
        raise LimbeckError(message("picture.no_picture"), fix=fix) from error
    return _sized(image)


def _sized(image: Image.Image) -> Image.Image:
    width, height = image.size
    most = MOST_OF.get(image.format or "", MOST_PIXELS)
    if width * height > most or not width * height:
        what = message("picture.size", width=width, height=height, most=most)
        if most < MOST_PIXELS:
            what = message("picture.size_of_format", width=width, height=height, most=most, format=image.format)
        raise LimbeckError(what, fix=message("fix.smaller"))
    if image.format == "TIFF":
        _check_tiff(image)
    return image


def _check_tiff(image: Image.Image) -> None:
    """Refuse what is compressed, and tiles that are larger than a picture may be."""
    try:
        tags = getattr(image, "tag_v2", {})
        packing = tags.get(_COMPRESSION, 1)
        across, down = (int(tags.get(tag, 0)) for tag in _TILE)
    except Exception as error:  # as in `_open`
        raise LimbeckError(message("picture.tiff_tags"), fix=message("fix.as_png")) from error
    if packing != _PLAIN:
        what = message("picture.tiff_compressed", compression=str(packing))
        raise LimbeckError(what, fix=message("fix.uncompressed"))
    if across * down > MOST_PIXELS:
        raise LimbeckError(message("picture.tiff_tiles", width=across, height=down), fix=message("fix.as_png"))


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # as in `_open`: native decoders
        raise LimbeckError(message("picture.damaged", error=first_line(error)), fix=message("fix.copy")) from error


def _frames(image: Image.Image, size: int) -> str:
    """Return the number of frames, or "many" where counting takes long; "" for one that breaks off behind its first."""
    try:
        if size > MOST_COUNTED or image.format == "TIFF":
            return "many" if getattr(image, "is_animated", False) else "1"
        return str(int(getattr(image, "n_frames", 1)))
    except Exception:  # as in `_open`; the first frame has been loaded all the same
        return ""


def _turn(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a broken EXIF block says nothing; the picture is there all the same
        return 1


def _turned(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """Return the sides of a picture exchanged where its orientation exchanges the axes."""
    return (size[1], size[0]) if turn in (5, 6, 7, 8) else size


def _upright(image: Image.Image) -> Image.Image:
    _load(image)
    turn = _TURNS.get(_turn(image))
    plain = as_rgb(image)
    return plain if turn is None else plain.transpose(turn)
