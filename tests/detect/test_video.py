"""Videos in and out: frames in order, tracks, drawn copies; what is broken ends early and says so."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import limbeck
from detect.scenes import folder_of, scene, tiny
from limbeck.bundle.detect.tiles import starts, tiled
from limbeck.bundle.detect.video import Video, VideoFile, is_live, is_video
from limbeck.errors import LimbeckError

av = pytest.importorskip("av", reason="PyAV is not installed")
FRAMES = 24


def write(path: Path, frames: int = FRAMES, size: tuple[int, int] = (160, 96)) -> Path:
    """Write a video of a red disc that moves to the right."""
    with VideoFile(path, Fraction(12)) as video:
        for time in range(frames):
            frame = np.full((size[1], size[0], 3), 95, dtype=np.uint8)
            y, x = np.mgrid[: size[1], : size[0]]
            frame[(y - 40) ** 2 + (x - 30 - 3 * time) ** 2 < 14**2] = (220, 40, 40)
            video.write(frame)
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = folder_of(tmp_path_factory.mktemp("scenes"), {"train": 12, "valid": 4})
    out = tmp_path_factory.mktemp("bundles") / "shapes"
    recipe = tiny(
        training={"epochs": 2, "windows": {"size": 96, "samples": 96}}, export={"int8": "never"},
        evaluation={"bootstrap": 0, "threshold": 0.2},
    )  # fmt: skip
    limbeck.train(recipe, data=folder, out=out, progress=lambda event: None)
    return out


def test_frames_come_back_in_order(tmp_path: Path) -> None:
    with Video(str(write(tmp_path / "a.mp4"))) as video:
        frames = list(video.frames())
        assert video.broken is None
        assert video.rate == 12
    assert len(frames) == FRAMES
    assert [round(time * 12) for time, _ in frames] == list(range(FRAMES))
    places = [np.argwhere(frame[..., 0] > 180)[:, 1].mean() for _, frame in frames]
    assert np.allclose(np.diff(places), 3, atol=1)


def test_a_video_is_answered_followed_and_drawn(bundle: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    done = limbeck.predict(bundle, tmp_path / "a.mp4", tmp_path / "a.csv", draw=tmp_path / "drawn.mp4")
    frame = pl.read_csv(tmp_path / "a.csv")
    assert (done.rows, done.rejected) == (FRAMES, 0)
    assert frame["frame"].unique().sort().to_list() == list(range(FRAMES))
    assert {"time", "track", "class", "score", "x0"} <= set(frame.columns)
    with Video(str(tmp_path / "drawn.mp4")) as video:
        assert sum(1 for _ in video.frames()) == FRAMES
    limbeck.predict(bundle, tmp_path / "a.mp4", tmp_path / "a.json", most=5)
    assert [one["frame"] for one in json.loads((tmp_path / "a.json").read_text())["images"]] == list(range(5))


def test_a_truncated_video_gives_the_frames_before_and_one_row(bundle: Path, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mp4", 200)
    remuxed = tmp_path / "a.mkv"  # a Matroska file can be read as far as it goes
    with av.open(str(whole)) as source, av.open(str(remuxed), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    content = remuxed.read_bytes()
    remuxed.write_bytes(content[: len(content) // 2])
    done = limbeck.predict(bundle, remuxed, tmp_path / "a.csv")
    assert 0 < done.rows < 200
    assert "breaks off after" in done.rejects.read_text()


def test_a_video_that_is_none_is_one_line(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video" * 99)
    with pytest.raises(LimbeckError, match=r"cannot be opened"):
        limbeck.predict(bundle, tmp_path / "a.mp4", tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


def test_frames_of_another_size_in_the_middle_are_answered(bundle: Path, tmp_path: Path) -> None:
    parts = [write(tmp_path / "one.ts.mp4", 6), write(tmp_path / "two.ts.mp4", 6, (320, 192))]
    joined = tmp_path / "a.h264"
    with joined.open("wb") as file:  # a raw stream may change its size
        for part in parts:
            with av.open(str(part)) as source:
                stream = source.streams.video[0]
                filtered = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", stream)
                for packet in source.demux(stream):
                    for one in filtered.filter(packet):
                        file.write(bytes(one))
    joined = joined.rename(tmp_path / "a.ts")
    limbeck.predict(bundle, joined, tmp_path / "a.csv", draw=tmp_path / "drawn.mp4")
    assert set(pl.read_csv(tmp_path / "a.csv")["width"].to_list()) == {160, 320}


@pytest.mark.parametrize(
    ("source", "video", "live"),
    [
        ("a.MP4", True, False), ("camera:0", True, True), ("rtsp://host/a", True, True), ("rtsp:/host/a", True, True),
        ("a.jpg", False, False), ("folder", False, False), ("camera:x", False, False),
    ],
)  # fmt: skip
def test_sources_are_told_apart(source: str, video: bool, live: bool) -> None:
    assert (is_video(source), is_live(source)) == (video, live)


def test_a_camera_that_is_not_there_is_one_line(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(LimbeckError, match=r"camera:93: cannot be opened"):
        limbeck.predict(bundle, "camera:93", tmp_path / "a.csv")


def test_tiles_cover_a_side_and_end_with_it() -> None:
    assert starts(100, 128) == [0]
    found = starts(1000, 128)
    assert found[0] == 0
    assert found[-1] == 1000 - 128
    assert max(np.diff(found)) <= 0.8 * 128 + 1


def test_tiles_find_what_is_tiny_in_a_large_picture(bundle: Path) -> None:
    canvas = np.full((96 * 4, 160 * 4, 3), 95, dtype=np.uint8)
    canvas[100:196, 200:360] = np.asarray(scene(3)[0])
    with limbeck.load(bundle) as detector:
        whole = detector.detect([canvas], threshold=0.15)[0]
        cut = tiled(detector, Image.fromarray(canvas), 0.15)
    assert cut.size == (640, 384)
    assert len(cut) >= len(whole)
    assert (cut.edges[:, 2] <= 640).all()
