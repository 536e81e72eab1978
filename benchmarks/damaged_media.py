"""Records and pictures as nobody would write them: valid ones, and what random damage makes of them.

Every function draws from the generator it is given, so a seed names a file.
"""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import wfdb
from PIL import Image

RATE = 250
NUMBERS = ("0", "-1", "1", "2", "3", "250", "1e9", "999999999999", "nan", "inf", "0.0001", "4294967295", "65536", "7x3", "16+24",
           "200(0)/mV", "1e-300/V", "0/uV", "~", "/", "x", "..", "../good.dat", "good.dat", "", "\0", "é", "#", "212", "508",
           "310", "8", "80", "m/2", "m/999999")  # fmt: skip
FORMATS = {
    "PNG": {}, "JPEG": {"quality": 80}, "WEBP": {"quality": 60, "method": 0}, "BMP": {}, "GIF": {}, "TIFF": {},
}  # fmt: skip
ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp", "GIF": "gif", "TIFF": "tif"}


def beats(rng: random.Random, seconds: int = 8) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return two leads float64 [n, 2] in mV, the samples of the R peaks, and their symbols."""
    time = np.arange(seconds * RATE) / RATE
    peaks = np.arange(0.6, seconds - 0.5, rng.uniform(0.7, 1.0))
    symbols = [rng.choice("NNNVA") for _ in peaks]
    lead = sum(
        np.exp(-0.5 * ((time - at) / (0.04 if kind == "V" else 0.012)) ** 2)
        for at, kind in zip(peaks, symbols, strict=True)
    )
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, 0.01, (2, len(time)))
    return (np.stack([lead, 0.6 * lead]) + noise).T, np.rint(peaks * RATE).astype(np.int64), symbols


def record(rng: random.Random, folder: Path, name: str, *, whole: bool = False) -> Path:
    """Write a valid record in one of the forms that records have; return its header."""
    leads, peaks, symbols = beats(rng)
    own = None if whole else rng.choice([None, None, 1000, 128])
    places = peaks if own is None else np.rint(peaks / RATE * own).astype(np.int64)
    wfdb.wrann(name, "atr", places, symbols, write_dir=str(folder), fs=own)
    if whole or rng.random() < 0.7:
        _segment(rng, folder, name, leads, "16" if whole else None)
        return folder / f"{name}.hea"
    lines, half = [], len(leads) // 2
    for at, piece in enumerate((leads[:half], leads[half:])):
        if at and rng.random() < 0.3:
            lines.append(f"~ {len(piece)}")
        else:
            _segment(rng, folder, f"{name}_{at}", piece, None)
            lines.append(f"{name}_{at} {len(piece)}")
    (folder / f"{name}.hea").write_text(f"{name}/{len(lines)} 2 {RATE} {len(leads)}\n" + "\n".join(lines) + "\n")
    return folder / f"{name}.hea"


def _segment(rng: random.Random, folder: Path, name: str, leads: np.ndarray, kind: str | None) -> None:
    kind = kind or rng.choice(["16", "16", "80", "24", "32", "516"])
    gain = 50.0 if kind == "80" else 200.0
    wfdb.wrsamp(name, fs=RATE, units=["mV"] * 2, sig_name=["MLII", "V1"], p_signal=leads, fmt=[kind] * 2,
                adc_gain=[gain] * 2, baseline=[0] * 2, write_dir=str(folder))  # fmt: skip


def damaged_record(rng: random.Random, folder: Path) -> Path:
    """Write a record beside a healthy one and damage it; return the folder."""
    record(rng, folder, "m")
    files = sorted(file for file in folder.iterdir() if file.name.startswith("m"))
    for _ in range(rng.randrange(1, 4)):
        file = rng.choice(files)
        if not file.exists():
            continue
        if rng.random() < 0.04:
            file.unlink()
        elif file.suffix == ".hea" and rng.random() < 0.75:
            file.write_bytes(_words(rng, file.read_bytes()))
        else:
            file.write_bytes(damage(rng, file.read_bytes()))
    return folder


def _words(rng: random.Random, content: bytes) -> bytes:
    """Change words of a header, or lines of it."""
    lines = content.decode("latin-1").split("\n")
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(lines))
        words = lines[at].split(" ")
        turn = rng.randrange(6)
        if turn == 0:
            lines.insert(at, lines[at])
        elif turn == 1 and len(lines) > 1:
            del lines[at]
        elif turn == 2:
            words.insert(rng.randrange(len(words) + 1), rng.choice(NUMBERS))
            lines[at] = " ".join(words)
        else:
            words[rng.randrange(len(words))] = rng.choice(NUMBERS)
            lines[at] = " ".join(words)
    return "\n".join(lines).encode("utf-8")


def damage(rng: random.Random, content: bytes) -> bytes:
    """Flip, cut, repeat, insert or overwrite some bytes; the beginning, where headers are, is met more often."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        if not data:
            break
        reach = len(data) if rng.random() < 0.5 else min(len(data), 96)
        at = rng.randrange(reach)
        turn = rng.randrange(7)
        if turn == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif turn == 1:
            data[at] = rng.choice((0, 1, 127, 128, 255))
        elif turn == 2:
            del data[at : at + rng.randrange(1, 64)]
        elif turn == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 32)))
        elif turn == 4:
            data[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\xff\xff"))
        elif turn == 5:
            data[at:at] = data[at : at + rng.randrange(1, 256)]
        else:
            del data[rng.randrange(len(data)) :]
    return bytes(data)


def picture(rng: random.Random) -> tuple[str, bytes]:
    """Return an ending and the bytes of a valid picture."""
    kind = rng.choice(list(FORMATS))
    side = rng.randrange(4, 48), rng.randrange(4, 48)
    pixels = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (*side, 4), dtype=np.uint8)
    modes = {"JPEG": ("RGB", "L", "CMYK"), "BMP": ("RGB", "L", "P", "1"), "GIF": ("P", "L")}
    mode = rng.choice(modes.get(kind, ("RGB", "RGBA", "L") if kind == "WEBP" else ("RGB", "RGBA", "L", "LA", "P", "1")))
    image = (
        Image.fromarray(pixels).convert("RGB").convert(mode)
        if mode not in ("RGBA", "LA")
        else Image.fromarray(pixels).convert(mode)
    )
    options = dict(FORMATS[kind])
    if kind in ("GIF", "WEBP", "TIFF", "PNG") and rng.random() < 0.3:
        options |= {"save_all": True, "append_images": [image.rotate(90), image.rotate(180)]}
    if kind == "TIFF":
        options["compression"] = rng.choice([None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
    if kind == "JPEG":
        options["progressive"] = rng.random() < 0.5
        exif = Image.Exif()
        exif[0x0112] = rng.randrange(1, 9)
        options["exif"] = exif
    memory = io.BytesIO()
    image.save(memory, kind, **options)
    return rng.choice([ENDINGS[kind]] * 4 + list(ENDINGS.values())), memory.getvalue()


def damaged_picture(rng: random.Random, folder: Path) -> Path:
    """Write a damaged picture into a folder; return it."""
    ending, content = picture(rng)
    file = folder / f"m.{ending}"
    file.write_bytes(damage(rng, content))
    return file
