"""Small real pictures that the tests share: halves that can be told apart by colour and place."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limbeck.recipe import Recipe, parse_recipe

CLASSES = ("blue", "red")


def square(colour: str, seed: int, size: tuple[int, int] = (24, 20)) -> Image.Image:
    """Return a noisy picture, red on the left or blue on the right; no two seeds give the same."""
    noise = np.random.default_rng(seed).integers(0, 40, (size[1], size[0], 3))
    half = slice(size[0] // 2) if colour == "red" else slice(size[0] // 2, None)
    noise[:, half, 0 if colour == "red" else 2] += 180
    return Image.fromarray(noise.astype(np.uint8))


def class_folders(folder: Path, each: int = 12, parts: tuple[str, ...] = ("",)) -> Path:
    """Write ``each`` pictures of both classes into class folders, below a folder for each part."""
    for place, part in enumerate(parts):
        for label, colour in enumerate(CLASSES):
            home = folder / part / colour
            home.mkdir(parents=True)
            for number in range(each):
                ending = (".png", ".jpg")[number % 2]
                square(colour, 1000 * place + 2 * number + label).save(home / f"{number:02d}{ending}")
    return folder


def faces(folder: Path, count: int = 80, first: int = 0) -> Path:
    """Write live (blue) and attacked (red) pictures, and their table; one in three of the species "sly" looks live."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["path,label,species,subject,split"]
    for number in range(count):
        kind = ("live", "photo", "live", "sly")[number % 4]
        looks_live = kind == "live" or (kind == "sly" and number % 12 == 3)
        square("blue" if looks_live else "red", first + number).save(folder / f"{first + number:03d}.png")
        part = ("train", "train", "valid", "test")[number // 4 % 4]
        told = "live," if kind == "live" else f"spoof,{kind}"
        lines.append(f"{first + number:03d}.png,{told},s{number // 4},{part}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "index.csv"


def tiny(**sections: dict[str, Any]) -> Recipe:
    """Return a recipe for class folders that trains in a second; ``sections`` are laid over it."""
    raw: dict[str, Any] = {
        "task": {"kind": "image"},
        "data": {"train": "."},
        "input": {"size": 16},
        "student": {"network": "multiscale", "widths": [4, 8]},
        "training": {
            "epochs": 2, "batch_size": 8, "learning_rate": 0.005, "threads": 1, "device": "cpu", "precision": "fp32",
        },
        "evaluation": {"bootstrap": 20},
        "export": {"int8": "never"},
    }  # fmt: skip
    for name, values in sections.items():
        raw[name] = {**raw.get(name, {}), **values}
    return parse_recipe(raw)


def huge_png(side: int = 50_000) -> bytes:
    """Return a PNG of a few bytes whose header promises side x side pixels."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"\0" * 64)) + part(b"IEND", b"")


def bad_files(folder: Path) -> dict[str, str]:
    """Write files that are no pictures, and return what is said of each."""
    whole = io.BytesIO()
    square("red", 7, (64, 64)).save(whole, "JPEG")
    png = io.BytesIO()
    square("red", 8, (64, 64)).save(png, "PNG")
    content = {
        "bomb.png": huge_png(),
        "cut.jpg": whole.getvalue()[: len(whole.getvalue()) // 2],
        "cut.png": png.getvalue()[: len(png.getvalue()) // 2],
        "empty.jpg": b"",
        "text.jpg": "这不是图片".encode(),
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return {
        "bomb.png": "pixels", "cut.jpg": "truncated", "cut.png": "truncated", "empty.jpg": "empty",
        "text.jpg": "not a picture",
    }  # fmt: skip
