"""One picture: a file, or one in memory, to upright eight-bit RGB, and the part of it that a box names.

Files are hostile until decoded: the size is read off the header and refused before anything is unpacked, only the
formats below are tried, and whatever a decoder raises becomes one line with the path. The content decides what a file
is, not its ending. Of an animation the first frame counts; what shines through is laid on white; sixteen bits are
scaled, not cut; EXIF says which way is up (JEITA CP-3451, tag 0x0112).
"""

from __future__ import annotations

import hashlib
import io
import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limbeck.errors import LimbeckError, first_line

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
ENDINGS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "MPO": (".jpg", ".jpeg", ".mpo"), "PNG": (".png", ".apng"),
    "WEBP": (".webp",), "BMP": (".bmp", ".dib"), "GIF": (".gif",),
}  # fmt: skip
MOST_PIXELS = 80_000_000  # 240 MB as RGB; just below where Pillow itself begins to warn
MOST_BYTES = 512 * 2**20
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
Edges = tuple[int, int, int, int]


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
            raise LimbeckError("the box is empty", mend="fill it in")
        if self.width <= 0 or self.height <= 0:
            kind = "empty" if self.width >= 0 and self.height >= 0 else "inverted"
            raise LimbeckError(f"the box is {kind} ({self.width:g} x {self.height:g})", mend="give x, y, w and h")
        across, down = (side / self.frame if self.frame else 1.0 for side in size)
        left, right = self.x * across, (self.x + self.width) * across
        top, bottom = self.y * down, (self.y + self.height) * down
        if right <= 0 or bottom <= 0 or left >= size[0] or top >= size[1]:
            shown = ", ".join(f"{value:g}" for value in values)
            raise LimbeckError(f"the box ({shown}) is outside the picture of {size[0]} x {size[1]}")
        more_x, more_y = margin * (right - left), margin * (bottom - top)
        first_x, first_y = (max(0, math.floor(low + 0.5)) for low in (left - more_x, top - more_y))
        last_x = min(size[0], max(first_x + 1, math.floor(right + more_x + 0.5)))
        last_y = min(size[1], max(first_y + 1, math.floor(bottom + more_y + 0.5)))
        return min(first_x, last_x - 1), min(first_y, last_y - 1), last_x, last_y


@dataclass(frozen=True)
class Picture:
    """A picture to be read: a path, or a Pillow image or uint8 array [H, W(, 1, 3 or 4)] in memory.

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
    """What a look at a file found: the hash of its content, and what is odd about it though it can be read."""

    sha256: str
    odd: str | None = None


def upright(picture: Picture) -> Image.Image:
    """Return a picture decoded: mode RGB, upright, whole.

    Raises
    ------
    LimbeckError
        For a missing, empty, truncated or oversized file, one that is no picture, or an array of another kind.
    """
    try:
        return _upright(_opened(picture))
    except LimbeckError as error:
        raise LimbeckError(error.what, where=picture.where, mend=error.mend) from error


def cropped(picture: Picture, margin: float) -> Image.Image:
    """Return what is looked at of a picture: `upright`, and of a box that part, with a margin in shares of its sides.

    Raises
    ------
    LimbeckError
        As `upright`; and for a box outside of the picture.
    """
    image = upright(picture)
    if picture.box is None:
        return image
    try:
        return image.crop(picture.box.edges(image.size, margin))
    except LimbeckError as error:
        raise LimbeckError(error.what, where=picture.where, mend=error.mend) from error


def look(picture: Picture) -> Seen:
    """Read a file to its end without keeping the pixels; see `upright` for the errors, and `Box.edges`."""
    try:
        content = _content(Path(picture.source))
        image = _open(content)
        size, format_ = image.size, image.format or ""
        image.draft("RGB", (1, 1))  # of a JPEG an eighth of the size is decoded, but all of the file
        # Before anything else is asked of it: EXIF of a PNG and the frames of a GIF load it too, and hide what fails.
        _load(image)
        if picture.box is not None:
            picture.box.edges((size[1], size[0]) if _turn(image) in (5, 6, 7, 8) else size)
        frames = _frames(image) if format_ != "MPO" else 1
    except LimbeckError as error:
        raise LimbeckError(error.what, where=picture.where, mend=error.mend) from error
    odd = []
    if Path(picture.source).suffix.lower() not in ENDINGS.get(format_, ()):
        odd.append(f"is a {format_} by its content")
    if frames != 1:
        kind = f"an animation of {frames} frames" if frames else "a damaged animation"
        odd.append(f"is {kind}, of which the first is read")
    return Seen(hashlib.sha256(content).hexdigest(), " and ".join(odd) or None)


def _content(path: Path) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise LimbeckError("this is a folder, a picture is wanted")
        size = found.st_size
        if size == 0:
            raise LimbeckError("the file is empty")
        if size > MOST_BYTES:
            raise LimbeckError(f"the file has {size:,} bytes, which no picture should")
        return path.read_bytes()
    except FileNotFoundError:
        if "\\ud" in str(path):  # see `files.writable`
            raise LimbeckError("its path is not UTF-8", mend="rename it") from None
        raise LimbeckError("there is no such file", mend="check the path") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise LimbeckError(f"cannot be read ({first_line(error)})", mend="check the path") from error


def _opened(picture: Picture) -> Image.Image:
    source = picture.source
    if isinstance(source, Image.Image):
        return _sized(source)
    if isinstance(source, np.ndarray):
        return _sized(_of_array(source))
    return _open(_content(Path(source)))


def _of_array(array: np.ndarray) -> Image.Image:
    flat = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.dtype != np.uint8 or not (flat.ndim == 2 or (flat.ndim == 3 and flat.shape[2] in (3, 4))) or not flat.size:
        what = f"an array of {array.dtype} {list(array.shape)} where uint8 [H, W, 3] is wanted"
        raise LimbeckError(what, mend="give uint8 RGB")
    return Image.fromarray(np.ascontiguousarray(flat))


def _open(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise LimbeckError(f"too many pixels: {first_line(error)}") from error
    except Exception as error:  # what plugins raise on hostile headers has no common base
        mend = f"give one of {', '.join(FORMATS)}"
        raise LimbeckError("this is no picture, or its beginning is damaged", mend=mend) from error
    return _sized(image)


def _sized(image: Image.Image) -> Image.Image:
    width, height = image.size
    if width * height > MOST_PIXELS or not width * height:
        raise LimbeckError(f"{width:,} x {height:,} pixels; a picture has 1 to {MOST_PIXELS:,}", mend="make it smaller")
    return image


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # as in `_open`: native decoders
        raise LimbeckError(f"damaged or truncated: {first_line(error)}", mend="copy it again") from error


def _frames(image: Image.Image) -> int:
    """Return the number of frames; 0 for an animation that breaks off behind its first."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # as in `_open`; the first frame has been loaded all the same
        return 0


def _turn(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a broken EXIF block says nothing; the picture is there all the same
        return 1


def _upright(image: Image.Image) -> Image.Image:
    _load(image)
    turn = _TURNS.get(_turn(image))
    plain = _rgb(image)
    return plain if turn is None else plain.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # sixteen bits of grey; Pillow's own conversion would cut, not scale
        values = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise LimbeckError("a picture of floating-point numbers", mend="give uint8 RGB")
    try:
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
        return image if image.mode == "RGB" else image.convert("RGB")
    except ValueError as error:
        raise LimbeckError(f"a picture of the mode {image.mode!r}", mend="give RGB") from error
