"""Reading a picture stays within its bound of memory, whatever its format and whatever its file says."""

import io
import re
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.image.reading import decode as pictures
from limbeck.kinds.image.reading import rgb
from limbeck.kinds.image.reading.decode import BOUND, LARGE, MOST_OF, MOST_PIXELS, Picture, look, reduced, upright
from limbeck.recipe import Input
from limbeck.tasks.anomaly.pixel_metrics import mask_of
from pictures import huge_png, square

SIDE, CODE = 3000, 40 * 2**20  # of a picture here, in pixels; bytes that decoders and a band take, whatever its size
PEAK = """
import resource, sys
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.encode import ImageInput
from limbeck.recipe import Input
reader = ImageInput(Input(size=32))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows, bad = reader.encode_each([Picture(file) for file in sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, len(bad))
"""


def saved(file, mode, side, **options):
    Image.new(mode, (side, side)).save(file, **options)
    return file


@pytest.mark.parametrize(
    ("name", "mode", "most", "options"),
    [
        ("a.webp", "RGBA", MOST_OF["WEBP"], {"quality": 1, "method": 0}),
        ("a.png", "LA", MOST_PIXELS, {"compress_level": 1}),
        ("a.png", "I;16", MOST_PIXELS, {"compress_level": 1}),
        ("a.jpg", "CMYK", MOST_PIXELS, {"progressive": True}),
        ("a.tif", "RGB", MOST_PIXELS, {"tiffinfo": {278: SIDE}}),
    ],
)
def test_a_picture_takes_no_more_of_the_bound_than_it_has_of_the_pixels(tmp_path, name, mode, most, options):
    file = saved(tmp_path / name, mode, SIDE, **options)
    said = subprocess.run([sys.executable, "-c", PEAK, str(file)], capture_output=True, text=True, check=True)
    peak, bad = (int(number) for number in said.stdout.split())
    assert peak * 1024 < BOUND * SIDE**2 / most + CODE
    assert bad == 0


@pytest.mark.parametrize("side", [6400, 8888])
def test_a_webp_that_its_decoder_would_blow_up_is_refused_by_its_header(tmp_path, side):
    file = saved(tmp_path / "a.webp", "L", 2000, quality=1, method=0)
    content = bytearray(file.read_bytes())
    at = content.index(b"\x9d\x01\x2a") + 3  # VP8: 14 bits each of width and height
    content[at : at + 4] = struct.pack("<HH", side, side)
    file.write_bytes(content)
    for read in (look, upright):
        with pytest.raises(LimbeckError, match=r"pixels; a WEBP picture has 1 to 40,000,000; make it smaller"):
            read(Picture(str(file)))
    with Image.open(file) as image, pytest.raises(LimbeckError, match=r"a WEBP picture has 1 to"):
        ImageInput(Input(size=8)).encode([Picture(image)])


def test_a_bomb_is_refused_as_a_mask_and_as_what_a_teacher_reads(tmp_path):
    (tmp_path / "m.png").write_bytes(huge_png(10_000))
    with pytest.raises(LimbeckError, match="pixels; a picture has 1 to"):
        mask_of(Picture(np.zeros((8, 8, 3), dtype=np.uint8)), str(tmp_path / "m.png"), 8)
    _, bad = ImageInput(Input(size=8)).encode_each([Picture(str(tmp_path / "m.png"))])
    assert "pixels" in str(bad[0])


def png_with(*chunks):
    whole = io.BytesIO()
    square("red", 1).save(whole, "PNG")
    content = whole.getvalue()
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return content[:33] + b"".join(parts) + content[33:]  # behind IHDR


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**26)))],
        [(b"iTXt", b"k\0\x01\0\0\0" + zlib.compress(bytes(2**26)))],
        [(b"iCCP", b"k\0\0" + zlib.compress(bytes(2**26)))],
        [(b"tEXt", b"k\0" + bytes(2**19))] * 140,
    ],
)
def test_notes_that_unpack_to_much_are_never_unpacked(tmp_path, chunks):
    import tracemalloc

    (tmp_path / "a.png").write_bytes(png_with(*chunks))
    del chunks
    tracemalloc.start()
    try:
        upright(Picture(str(tmp_path / "a.png")))
    except LimbeckError as error:
        assert "\n" not in str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250 * 2**20
    assert PngImagePlugin.MAX_TEXT_MEMORY <= 64 * 2**20


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "I", "1", "PA"])
def test_bands_give_what_one_piece_gives(mode, monkeypatch):
    random = np.random.default_rng(0)
    if mode in ("I", "I;16"):
        kind = np.int32 if mode == "I" else np.uint16
        image = Image.fromarray(random.integers(0, 65536, (37, 23)).astype(kind))
    else:
        grey = Image.fromarray(random.integers(0, 256, (37, 23, 4)).astype(np.uint8)).convert("RGBA")
        image = grey.quantize(16) if mode in ("P", "PA") else grey.convert(mode)
        image = image.convert("PA") if mode == "PA" else image
    whole = np.asarray(rgb.as_rgb(image))
    monkeypatch.setattr(rgb, "BAND", 50)
    assert np.array_equal(np.asarray(rgb.as_rgb(image)), whole)


def test_large_pictures_take_turns_and_small_ones_do_not(monkeypatch):
    monkeypatch.setattr(pictures, "LARGE", 100)
    inside, most, gate = [], [], threading.Barrier(2)

    def reduce(image):
        inside.append(1)
        most.append(len(inside))
        if image.size[0] < 10:
            gate.wait(20)  # passed by two small ones at once only
        inside.pop()
        return image.size

    for side in (20, 5):
        picture = Picture(np.zeros((side, side, 3), dtype=np.uint8))
        threads = [threading.Thread(target=reduced, args=(picture, reduce)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(most) == (1 if side == 20 else 2)
    assert LARGE < MOST_PIXELS


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "1", "P", "CMYK"])
def test_tiff_pictures_are_read_as_the_same_picture_in_png(tmp_path, mode):
    image = square("red", 3, (64, 48)).convert(mode)
    image.save(tmp_path / "a.tif")
    assert np.array_equal(np.asarray(upright(Picture(str(tmp_path / "a.tif")))), np.asarray(rgb.as_rgb(image)))
    assert look(Picture(str(tmp_path / "a.tif"))).odd is None


@pytest.mark.parametrize("packing", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_compressed_tiff_is_one_line_and_no_library_prints(tmp_path, packing, capfd):
    square("red", 3, (64, 48)).save(tmp_path / "a.tif", compression=packing)
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-20] + b"\xff" * 20)
    for name, words in (("a.tif", "a compressed TIFF .* save it uncompressed, or as PNG"), ("b.tif", "b.tif: ")):
        with pytest.raises(LimbeckError, match=words):
            look(Picture(str(tmp_path / name)))
    assert capfd.readouterr().err == ""


def test_sixteen_bits_in_tiff_are_scaled_and_of_several_pages_the_first_is_read(tmp_path):
    deep = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.tif")
    assert np.abs(np.asarray(upright(Picture(str(tmp_path / "deep.tif"))))[..., 0] - deep / 257).max() <= 0.51
    first, second = square("red", 1), square("blue", 2)
    first.save(tmp_path / "two.tiff", save_all=True, append_images=[second])
    assert np.array_equal(np.asarray(upright(Picture(str(tmp_path / "two.tiff")))), np.asarray(first))
    assert look(Picture(str(tmp_path / "two.tiff"))).odd == "is a file of several pages, of which the first is read"


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        (259, 50001, "a compressed TIFF (compression 50001)"),
        (259, 6, "a compressed TIFF (compression 6)"),
    ],
)
def test_tiff_with_what_is_not_read_is_one_line(tmp_path, tag, value, words):
    square("red", 1, (64, 64)).save(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    (start,) = struct.unpack("<I", content[4:8])
    for at in range(start + 2, start + 2 + 12 * struct.unpack("<H", content[start : start + 2])[0], 12):
        if struct.unpack("<H", content[at : at + 2])[0] == tag:
            content[at + 2 : at + 12] = struct.pack("<HII", 4, 1, value)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(LimbeckError, match=re.escape(words)) as raised:
        upright(Picture(str(tmp_path / "a.tif")))
    assert "\n" not in str(raised.value)
