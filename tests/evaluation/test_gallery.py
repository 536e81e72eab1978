"""Thumbnails come into a page only when asked for, small, stripped and alone."""

import base64
import io
import re

import numpy as np
import polars as pl
import pytest
from PIL import Image

import limbeck
from limbeck.errors import LimbeckError
from limbeck.evaluation.measure_rows import STRANGEST
from limbeck.evaluation.report.page import Report, render_report
from limbeck.evaluation.report.thumbnail import is_thumbnail
from limbeck.kinds.image.gallery import MOST, SIDE, thumbnails, with_thumbnails
from limbeck.kinds.image.reading.decode import Box, Picture
from limbeck.metrics.measure import measure
from pictures import class_folders, square, tiny
from scans import detector, mvtec
from small import limbeck as command


def opened(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_thumbnail_is_small_cropped_as_the_classifier_sees_it_and_tells_nothing_of_its_file(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    wide = Image.new("RGB", (400, 100), "white")
    wide.paste((200, 0, 0), (100, 0, 200, 100))
    wide.save(tmp_path / "wide.jpg", exif=exif, quality=95)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "wide.jpg").read_bytes()[:300])
    given = [Picture(str(tmp_path / "wide.jpg")), Picture(str(tmp_path / "wide.jpg"), Box(100, 0, 100, 100)),
             Picture(str(tmp_path / "cut.jpg")), Picture(str(tmp_path / "gone.jpg")),
             Picture(np.zeros((8, 8, 3), dtype=np.uint8))]  # fmt: skip
    made = thumbnails(given)
    assert [uri is None for uri in made] == [False, False, True, True, False]
    assert opened(made[0]).size == (SIDE, SIDE // 4)
    assert opened(made[1]).size == (SIDE, SIDE)
    assert np.asarray(opened(made[1]))[48, 48, 0] > 180
    assert not opened(made[0]).getexif()
    assert b"taken at home" not in base64.b64decode(made[0].partition(",")[2])
    assert opened(made[4]).size == (8, 8)
    assert thumbnails(given[:1] * 30)[MOST:] == [None] * 6


def test_only_what_it_makes_may_be_a_source():
    uri = thumbnails([Picture(np.zeros((8, 8, 3), dtype=np.uint8))])[0]
    assert is_thumbnail(uri)
    for other in (None, 3, "x.jpg", "https://x.example/a.jpg", "data:image/svg+xml;base64,AAAA", f"{uri}\" onerror=\"x",
                  f"{uri}\n", "data:image/jpeg;base64,"):  # fmt: skip
        assert not is_thumbnail(other)


def page(worst):
    y, p = [0, 1], np.array([[0.2, 0.8], [0.1, 0.9]])
    return render_report(Report("t", measure(y, p, ("a", "b"), bootstrap=10), y, p, worst=worst))


def test_the_policy_admits_pictures_only_where_there_are_some():
    row = {"row": 1, "text": "a.png", "true": "a", "predicted": "b", "probability": 0.8}
    uri = thumbnails([Picture(np.zeros((8, 8, 3), dtype=np.uint8))])[0]
    plain, shown = page([row]), page([{**row, "thumbnail": uri}])
    assert "img-src" not in plain
    assert "<img" not in plain
    assert "img-src data:;" in shown
    assert re.findall(r'<img src="([^"]+)" alt="">', shown) == [uri]
    hostile = page([{**row, "thumbnail": 'data:image/jpeg;base64,AA" onerror="alert(1)'}])
    assert "<img" not in hostile
    assert "onerror" not in hostile


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = class_folders(tmp_path_factory.mktemp("gallery"), 20)
    bundle = limbeck.train(tiny(), data=folder, out=folder.parent / "gallery-bundle").bundle
    for number in range(30):  # blue pictures among the red ones
        square("blue", 300 + number, (200, 120)).save(folder / "red" / f"odd{number:02d}.png")
    return folder, bundle


def test_evaluate_copies_pictures_only_when_asked(made, tmp_path):
    folder, bundle = made
    limbeck.evaluate(bundle, folder, report=tmp_path / "plain.html", bootstrap=20)
    assert "data:image" not in (tmp_path / "plain.html").read_text("utf-8")
    done = command("evaluate", bundle, folder, "--report", tmp_path / "r.html", "--pictures")
    assert done.returncode == 0, done.stderr
    shown = (tmp_path / "r.html").read_text("utf-8")
    uris = re.findall(r'<img src="([^"]+)"', shown)
    assert len(uris) == MOST
    assert {opened(uri).size for uri in uris} == {(96, 58)}
    assert "red/odd" in shown
    assert "误判最严重的图片" in shown
    assert len(shown) < 400_000


def test_training_copies_them_where_the_recipe_says_so(tmp_path):
    folder = class_folders(tmp_path / "data", parts=("train", "test"))
    square("blue", 300).save(folder / "test" / "red" / "odd.png")
    for pictures in (False, True):
        recipe = tiny(evaluation={"pictures": pictures}, training={"epochs": 3})
        bundle = limbeck.train(recipe, data=folder, out=tmp_path / str(pictures)).bundle
        assert ("data:image/jpeg" in (bundle / "report.html").read_text("utf-8")) == pictures


def test_a_detector_shows_where_it_finds_the_worst_errors_strange(tmp_path):
    folder = mvtec(tmp_path / "bottle")
    made = limbeck.train(detector("memory", evaluation={"pictures": True}), data=folder, out=tmp_path / "bundle")
    limbeck.evaluate(made.bundle, folder, report=tmp_path / "report.html", pictures=True)
    shown = (tmp_path / "report.html").read_text("utf-8")
    assert 'class="gallery heat"' in shown
    strangest = shown[shown.index('id="strangest"') :]
    assert len(re.findall("<img", strangest[: strangest.index("</section>")])) == STRANGEST
    files = [str(folder / "test" / "patch" / "000.png"), str(folder / "gone.png")]
    with limbeck.load(made.bundle) as classifier:
        worst = with_thumbnails([{"at": 0}, {"at": 1}], pl.DataFrame({"path": files}), classifier)
    assert worst[1] == {"at": 1}
    drawn = np.asarray(opened(worst[0]["thumbnail"])).astype(int)
    assert (drawn[..., 0] - drawn[..., 2] > 60).mean() > 0.02  # warm, over a grey scan
    row = {"row": 1, "text": "a.png", "true": "anomaly", "predicted": "normal", "probability": 0.8}
    assert 'class="gallery heat"' in page([{**row, **worst[0]}])


def test_pictures_need_a_report_and_rows_that_are_pictures(made, own_bundle, rows_folder, tmp_path):
    folder, bundle = made
    with pytest.raises(LimbeckError, match="name a file with --report"):
        limbeck.evaluate(bundle, folder, pictures=True)
    with pytest.raises(LimbeckError, match="leave --pictures out"):
        limbeck.evaluate(own_bundle, rows_folder / "reviews.csv", report=tmp_path / "r.html", pictures=True)
