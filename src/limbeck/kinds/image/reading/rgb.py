"""A decoded picture as eight-bit RGB: what shines through on white, sixteen bits scaled.

Large pictures are converted in bands, so that a conversion holds one copy of the picture and not five.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from limbeck.errors import LimbeckError
from limbeck.messages.message import message

BAND = 2**20  # pixels that are converted together


def as_rgb(image: Image.Image) -> Image.Image:
    """Return a loaded picture in the mode RGB.

    Raises
    ------
    LimbeckError
        For a mode that is none of pictures.
    """
    width, height = image.size
    plain = image.mode in ("RGB", "CMYK", "L", "YCbCr") and not image.has_transparency_data
    if plain or width * height <= BAND:
        return _converted(image)
    out = Image.new("RGB", image.size)
    step = max(1, BAND // width)
    for top in range(0, height, step):
        out.paste(_converted(image.crop((0, top, width, min(height, top + step)))), (0, top))
    return out


def _converted(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # sixteen bits of grey; Pillow's own conversion would cut, not scale
        values = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise LimbeckError(message("picture.floats"), fix=message("fix.uint8"))
    try:
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
        return image if image.mode == "RGB" else image.convert("RGB")
    except ValueError as error:
        raise LimbeckError(message("picture.mode", mode=image.mode), fix=message("fix.rgb")) from error
