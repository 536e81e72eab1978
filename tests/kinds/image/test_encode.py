"""Whatever a file holds becomes the same upright square everywhere, or one line with its path."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import FILTER, ImageInput, Pictures
from limbeck.kinds.image.reading.decode import Box, Picture, look, upright
from limbeck.recipe import Input
from pictures import bad_files, square


def reader(**settings):
    return ImageInput(Input.model_validate({"size": 16, **settings}))


def array(source, **given):
    return np.asarray(upright(Picture(source, **given)))


def saved(tmp_path, image, name, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.webp", "a.jpg"])
def test_each_format_is_read_whole(tmp_path, name):
    image = square("red", 1)
    options = {"lossless": True} if name.endswith("webp") else {"quality": 100} if name.endswith("jpg") else {}
    found = array(saved(tmp_path, image, name, **options))
    assert found.shape == (20, 24, 3)
    tolerance = 60 if name.endswith("jpg") else 0  # noise of single pixels, and colour at half resolution
    assert np.abs(found.astype(int) - np.asarray(image)).max() <= tolerance or name.endswith("jpg")
    assert abs(found.mean() - np.asarray(image).mean()) < 2


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_says_which_way_is_up(tmp_path, turn):
    # The picture as meant: red above, blue below, a white spot at the upper left.
    meant = np.zeros((16, 24, 3), dtype=np.uint8)
    meant[:8, :, 0] = meant[8:, :, 2] = 200
    meant[:4, :4] = 255
    undo = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 1), 7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = Image.fromarray(np.ascontiguousarray(undo[turn](meant)))
    for name in ("a.png", "a.webp"):
        file = saved(tmp_path, stored, name, exif=exif, **({"lossless": True} if name == "a.webp" else {}))
        np.testing.assert_array_equal(array(file), meant)
    soft = array(saved(tmp_path, stored, "a.jpg", exif=exif, quality=95, subsampling=0))
    assert np.abs(soft.astype(int) - meant).max() < 40


def test_a_box_is_measured_on_the_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = saved(tmp_path, Image.new("RGB", (10, 30)), "a.png", exif=exif)
    look(Picture(file, Box(25, 2, 5, 5)))  # stored 10 wide, shown 30 wide
    with pytest.raises(LimbeckError, match="outside the picture of 30 x 10"):
        look(Picture(file, Box(2, 12, 5, 5)))


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    levels = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    file = saved(tmp_path, Image.fromarray(levels), "deep.png")
    assert array(file)[0, :, 0].tolist() == [0, 1, 128, 255]
    assert (array(file)[..., 0] == array(file)[..., 2]).all()


def test_grey_palette_and_bilevel_become_rgb(tmp_path):
    image = Image.new("RGB", (6, 6), (10, 200, 30))
    assert array(saved(tmp_path, image.convert("P", palette=Image.Palette.ADAPTIVE), "p.png"))[0, 0].tolist() == [
        10, 200, 30,
    ]  # fmt: skip
    assert array(saved(tmp_path, Image.new("L", (6, 6), 77), "l.png"))[3, 3].tolist() == [77] * 3
    assert array(saved(tmp_path, Image.new("1", (6, 6), 1), "one.png"))[3, 3].tolist() == [255] * 3


def test_what_shines_through_lies_on_white(tmp_path):
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    clear.putpixel((0, 0), (255, 0, 0, 255))
    for file in (saved(tmp_path, clear, "a.png"), saved(tmp_path, clear, "a.webp", lossless=True)):
        assert array(file)[0, 0].tolist() == [255, 0, 0]
        assert array(file)[2, 2].tolist() == [255] * 3
    shades = Image.new("LA", (4, 4), (0, 0))
    assert array(saved(tmp_path, shades, "la.png"))[2, 2].tolist() == [255] * 3
    index = Image.new("P", (4, 4), 0)
    index.putpalette([9, 9, 9] * 256)
    assert array(saved(tmp_path, index, "p.png", transparency=0))[1, 1].tolist() == [255] * 3


def test_cmyk_becomes_rgb(tmp_path):
    file = saved(tmp_path, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "ink.jpg", quality=100)
    red, green, blue = array(file)[8, 8].tolist()
    assert red > 240
    assert max(green, blue) < 20


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.gif"])
def test_the_first_frame_of_an_animation_counts(tmp_path, name):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 0, 200))]
    options = {"lossless": True} if name == "a.webp" else {}
    file = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], duration=50, **options)
    assert array(file)[4, 4].tolist() == [200, 0, 0]
    assert "animation of 2 frames" in (look(Picture(file)).odd or "")


def test_the_content_decides_not_the_ending(tmp_path):
    file = saved(tmp_path, square("red", 3), "real.png").rename(tmp_path / "named.jpg")
    np.testing.assert_array_equal(array(file), np.asarray(square("red", 3)))
    assert look(Picture(file)).odd == "is a PNG by its content"
    assert look(Picture(saved(tmp_path, square("red", 3), "b.png"))).odd is None


def test_a_bad_file_is_one_line_with_its_path(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, said in bad_files(tmp_path).items():
            for way in (upright, look):
                with pytest.raises(LimbeckError) as caught:
                    way(Picture(tmp_path / name))
                assert name in str(caught.value), name
                assert said in str(caught.value), name
                assert "\n" not in str(caught.value)


def test_what_is_no_file_is_one_line(tmp_path):
    for place, said in ((tmp_path / "nowhere.png", "no such file"), (tmp_path, "folder"), ("a\0b", "cannot be read")):
        with pytest.raises(LimbeckError, match=said):
            upright(Picture(place))
    with pytest.raises(LimbeckError, match=r"float64 \[4, 4, 3\]"):
        upright(Picture(np.zeros((4, 4, 3))))


def test_garbage_never_escapes_as_anything_but_one_line(tmp_path):
    whole = {}
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF"):
        memory = io.BytesIO()
        square("red", 5).save(memory, kind)
        whole[kind] = memory.getvalue()
    random = np.random.default_rng(0)
    for content in whole.values():
        for _ in range(40):
            damaged = bytearray(content)
            for at in random.integers(0, len(damaged), 6):
                damaged[at] = random.integers(256)
            file = tmp_path / "x.png"
            file.write_bytes(damaged)
            try:
                upright(Picture(file))
            except LimbeckError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (Box(0, 0, 0, 5), "empty"),
        (Box(float("nan"), 0, 3, 3), "empty"),
        (Box(8, 8, -4, 5), "inverted"),
        (Box(24, 0, 5, 5), "outside"),
        (Box(-9, -9, 5, 5), "outside"),
    ],
)
def test_a_bad_box_is_named(box, said):
    with pytest.raises(LimbeckError, match=said):
        box.edges((24, 20))


def test_a_box_is_clipped_scaled_and_widened():
    assert Box(-3, 2, 10, 30).edges((24, 20)) == (0, 2, 7, 20)
    assert Box(10, 10, 4, 4).edges((40, 40), margin=0.5) == (8, 8, 16, 16)
    assert Box(112, 0, 112, 112, 224).edges((448, 100)) == (224, 0, 448, 50)
    assert Box(5.2, 5.2, 0.1, 0.1).edges((24, 20)) == (5, 5, 6, 6)  # never less than a pixel
    assert Box(23.9, 19.9, 1, 1).edges((24, 20)) == (23, 19, 24, 20)


def test_the_crop_is_what_the_box_says():
    pixels = np.zeros((20, 20, 3), dtype=np.uint8)
    pixels[4:12, 6:14] = 250
    assert (reader().square(Picture(pixels, Box(6, 4, 8, 8))) == 250).all()
    assert reader(margin=0.5).square(Picture(pixels, Box(6, 4, 8, 8)))[0, 0].max() == 0


def test_the_square_is_pillows_bicubic_in_one_step(tmp_path):
    image = square("blue", 4, (90, 70))
    expected = np.asarray(image.resize((16, 16), FILTER))
    for source in (image, np.asarray(image), saved(tmp_path, image, "a.png"), str(tmp_path / "a.png")):
        np.testing.assert_array_equal(reader().encode([Picture(source)]).pixels[0], expected)


def test_grey_is_three_times_the_same():
    pixels = reader(colour="grey").encode([Picture(square("red", 1))]).pixels
    assert (pixels[..., 0] == pixels[..., 2]).all()
    assert pixels.std() > 0


def test_the_conventions():
    rows = Pictures(np.array([[[[255, 0, 128]]]], dtype=np.uint8))
    which = np.arange(1)
    zero_one, imagenet, caffe = (
        reader(convention=name).batch(rows, which)["pixels"].ravel() for name in ("zero-one", "imagenet", "caffe")
    )
    np.testing.assert_allclose(zero_one, [1, 0, 128 / 255], rtol=1e-6)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225]
    np.testing.assert_allclose(imagenet, expected, rtol=1e-5)
    np.testing.assert_allclose(caffe, [128 - 104, -117, 255 - 123])


def test_a_batch_is_float32_with_channels_first():
    rows = reader().encode([Picture(square("red", seed)) for seed in range(5)])
    batch = reader().batch(rows, np.array([3, 1]))
    assert batch["pixels"].shape == (2, 3, 16, 16)
    assert batch["pixels"].dtype == np.float32
    np.testing.assert_allclose(batch["pixels"][1], rows.pixels[1].transpose(2, 0, 1) / 255, rtol=1e-6)
    assert rows.take(np.array([4])).pixels.tobytes() == rows.pixels[4].tobytes()


def test_any_number_of_workers_gives_the_same_bytes_and_the_same_rejects(tmp_path):
    bad_files(tmp_path)
    pictures = [Picture(square("red", seed)) for seed in range(70)]
    pictures[13] = Picture(tmp_path / "cut.jpg")
    one, two = reader(), reader()
    one.workers, two.workers = 1, 3
    (first, bad), (second, also) = one.encode_each(pictures), two.encode_each(pictures)
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert list(bad) == list(also) == [13]
    assert first.pixels[13].max() == 0
    with pytest.raises(LimbeckError, match=r"cut\.jpg"):
        two.encode(pictures)
