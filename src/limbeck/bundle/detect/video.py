"""Frames of a video file, a camera or a stream, by PyAV (FFmpeg); and frames into a video file.

A video may break off, change its size, or go away: whatever was read before stays, and the reason is one line.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError, first_line, needing
from limbeck.events import check

ENDINGS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp", ".ogv")
MOST_PIXELS = 16_000_000  # of a frame
_STREAM = re.compile(r"^(rtsps?|rtmps?|https?|udp|tcp|srt):/+", re.IGNORECASE)
_CAMERA = re.compile(r"^camera:(\d{1,3})$")
_TAIL = 1.0  # seconds by which the last frame may begin before the end that the file names
_PATIENCE = "10000000"  # microseconds without an answer after which a stream is given up
Frame = NDArray[np.uint8]


def is_video(source: str) -> bool:
    """Return whether a source is a video file by its ending, ``camera:N`` or the address of a stream."""
    return is_live(source) or Path(source).suffix.lower() in ENDINGS


def is_live(source: str) -> bool:
    """Return whether a source is a camera or a stream, which end when someone stops them."""
    return bool(_STREAM.match(source) or _CAMERA.match(source))


class Video:
    """The frames of a source, one after the other.

    Parameters
    ----------
    source
        A file, ``camera:0`` or an address such as ``rtsp://…``; one slash of an address may be lost.

    Attributes
    ----------
    broken
        Why it ended early, or None; set once all frames are read.

    Raises
    ------
    LimbeckError
        When it cannot be opened, or has no pictures; and when PyAV is not installed.
    """

    def __init__(self, source: str) -> None:
        with needing("av", "video", "reading a video"):
            import av
        self.source, self.broken = source, None
        address, form, options = _address(source)
        av.logging.set_level(av.logging.PANIC)
        try:
            self._container: Any = av.open(address, format=form, options=options)
        except Exception as error:  # FFmpeg's errors share no base of their own with those of Python
            raise LimbeckError(f"cannot be opened: {first_line(error)}", where=source, fix="check the path") from error
        if not self._container.streams.video:
            self._container.close()
            raise LimbeckError("holds no pictures", where=source, fix="give a video")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"

    broken: str | None

    @property
    def rate(self) -> Fraction:
        """Frames a second, as the file says; 25 where it does not."""
        found = self._stream.average_rate or self._stream.base_rate
        return Fraction(found) if found and 0 < found <= 1000 else Fraction(25)

    @property
    def expected(self) -> int | None:
        """How many frames there are, where the file says."""
        return int(self._stream.frames) or None

    def frames(self) -> Iterator[tuple[float, Frame]]:
        """Yield seconds from the start and uint8 [H, W, 3] of each frame, until the end or until it breaks off."""
        number, time = 0, 0.0
        try:
            for frame in self._container.decode(self._stream):
                check()
                if frame.width * frame.height > MOST_PIXELS:
                    self.broken = f"a frame of {frame.width} x {frame.height} pixels is too large"
                    return
                time = float(frame.time) if frame.time is not None else number / float(self.rate)
                yield time, frame.to_ndarray(format="rgb24")
                number += 1
        except LimbeckError:
            raise
        except Exception as error:  # as above
            self.broken = f"breaks off after {number:,} frames: {first_line(error)}"
            return
        if not is_live(self.source) and (missing := self._missing(number, time)):
            self.broken = f"breaks off after {number:,} frames: {missing}"

    def _missing(self, number: int, time: float) -> str | None:
        """Return what the file says that there is more of, once all that can be read was read."""
        if self.expected is not None and number < self.expected:
            return f"it names {self.expected:,}"
        seconds = (self._container.duration or 0) / 1_000_000
        return f"it names {seconds:.1f} seconds" if seconds > time + _TAIL else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._container.close()


class VideoFile:
    """A video file that frames are written into; frames of another size than the first are scaled to it.

    Raises
    ------
    LimbeckError
        When it cannot be written.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        with needing("av", "video", "writing a video"):
            import av
        self._av, self.path = av, path
        try:
            self._container: Any = av.open(str(path), "w", format="mp4")
        except Exception as error:  # as above
            raise LimbeckError(f"cannot be written: {first_line(error)}", where=path, fix="end it in .mp4") from error
        self._rate, self._lock = rate.limit_denominator(100_000), threading.Lock()
        self._stream: Any = None

    def write(self, frame: Frame) -> None:
        """Append a frame uint8 [H, W, 3]."""
        with self._lock:
            if self._stream is None:
                height, width = frame.shape[:2]
                self._stream = self._container.add_stream(_codec(self._av), rate=self._rate)
                self._stream.width, self._stream.height = width - width % 2, height - height % 2
                self._stream.pix_fmt = "yuv420p"
                self._stream.thread_type = "AUTO"
                self._stream.options = {"preset": "ultrafast", "crf": "25"}
            picture = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture = picture.reformat(self._stream.width, self._stream.height, "yuv420p")
            for packet in self._stream.encode(picture):
                self._container.mux(packet)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None and kind is None:
            for packet in self._stream.encode():
                self._container.mux(packet)
        with contextlib.suppress(Exception) if kind is not None else contextlib.nullcontext():
            self._container.close()


def _codec(av: Any) -> str:
    return "libx264" if "libx264" in av.codecs_available else "mpeg4"


def _address(source: str) -> tuple[str, str | None, dict[str, str]]:
    if found := _CAMERA.match(source):
        return f"/dev/video{found.group(1)}", "v4l2", {}
    if found := _STREAM.match(source):
        scheme = found.group(1).lower()
        address = f"{scheme}://{source[found.end() :]}"
        options = {"timeout": _PATIENCE, "rw_timeout": _PATIENCE}
        return address, None, {"rtsp_transport": "tcp", "timeout": _PATIENCE} if scheme.startswith("rtsp") else options
    # A name such as "concat:…" would be taken for a protocol of FFmpeg; a path is none.
    return str(Path(source).absolute()), None, {"protocol_whitelist": "file"}
