"""`limbeck predict` of a bundle that finds boxes: pictures, a video, a camera or a stream in, boxes out.

Pictures are decoded and answered window by window; frames of a video are decoded, answered and drawn side by side, in
order. What cannot be read is a row of ``OUTPUT.rejected.csv``, and the rest is done.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limbeck.bundle.detect.detector import Detector
from limbeck.bundle.detect.found import Detections
from limbeck.bundle.detect.live import Live
from limbeck.bundle.detect.rejects import write_rejects
from limbeck.bundle.detect.tiles import tiled
from limbeck.bundle.detect.tracking import Tracker
from limbeck.bundle.detect.video import Video, VideoFile, is_live, is_video
from limbeck.bundle.detect.writers import Place, Writer, writing
from limbeck.bundle.prediction.predict_files import Done
from limbeck.bundle.prediction.resume_journal import rejects_of
from limbeck.errors import LimbeckError
from limbeck.events import check
from limbeck.files import whole_file
from limbeck.kinds.image.reading.decode import Picture, upright
from limbeck.kinds.image.reading.files import FILE, quiet_pillow
from limbeck.kinds.image.reading.inputs import image_inputs
from limbeck.kinds.image.whole.draw import colour_of, drawn
from limbeck.kinds.inputs import Wanted
from limbeck.progress import progress


@dataclass(frozen=True)
class Asked:
    """What a run is asked for.

    Attributes
    ----------
    threshold
        The smallest score that counts; by default that of each class.
    draw
        A folder for drawn pictures, or the file of a drawn video.
    tiles
        Whether pictures are cut into overlapping tiles of the letterbox at their full size, for tiny objects.
    track
        Whether objects are followed through a video.
    most
        Frames of a video, a camera or a stream at most; None for all.
    """

    threshold: float | None = None
    draw: Path | None = None
    tiles: bool = False
    track: bool = True
    most: int | None = None


@dataclass
class Rejects:
    """What could not be read: file or source, its row or frame, and the reason."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, file: str, row: int, reason: str) -> None:
        """Note one."""
        self.rows.append({"file": file, "row": row, "reason": reason})

    def write(self, output: Path) -> Path | None:
        """Write them beside an output, or take away those of an earlier run."""
        path = rejects_of(output)
        if not self.rows:
            path.unlink(missing_ok=True)
            return None
        write_rejects(path, self.rows)
        return path


def predict(
    detector: Detector, source: str, output: Path, *, threshold: float | None = None, draw: Path | None = None,
    tiles: bool = False, track: bool = True, most: int | None = None, quiet: bool = False,
) -> Done:  # fmt: skip
    """Find boxes in pictures or a video and write them to ``output``; see `limbeck.predict` and `Asked`.

    Raises
    ------
    LimbeckError
        For a source that cannot be opened, or an output that cannot be written.
    """
    asked = Asked(threshold, draw, tiles, track, most)
    started = time.perf_counter()
    video = is_video(source)
    if not output.suffix and output.is_dir() and any(output.iterdir()):
        raise LimbeckError("the folder is not empty", where=output, fix="name a new one")
    if draw is not None and video and draw.suffix.lower() != ".mp4":
        raise LimbeckError("a drawn video is an .mp4", where=draw, fix="end --draw in .mp4")
    rejects = Rejects()
    with writing(output, video=video, kinds=detector.second is not None) as writer:
        if video:
            count = _video(detector, source, writer, rejects, asked, quiet)
        else:
            count = _pictures(detector, Path(source), output, writer, rejects, asked, quiet)
    path = rejects.write(output)
    return Done(output, count, len(rejects.rows), path, time.perf_counter() - started, 0)


def _pictures(
    detector: Detector, source: Path, output: Path, writer: Writer, rejects: Rejects, asked: Asked, quiet: bool
) -> int:
    manifest = detector.manifest
    wanted = Wanted(manifest.task, manifest.input, "table", {}, output, (output, rejects_of(output)))
    inputs = image_inputs(source, wanted)
    names, count, name = inputs.names(), 0, manifest.task.inputs[0]
    window = 1 if asked.tiles else detector.window
    with progress("pictures", inputs.expected(0), quiet=quiet) as tick, quiet_pillow():
        for index in range(len(inputs.sources)):
            for chunk in inputs.chunks(index, 0, window):
                check()
                source_name = inputs.sources[index].name
                for one in chunk.rejects:
                    rejects.add(source_name, one.row, one.reason)
                frame = inputs.frame(chunk, index, names)
                written = [str(path or "") for path in frame[name].to_list()]
                pictures = [Picture(file, name=path) for file, path in zip(frame[FILE].to_list(), written, strict=True)]
                answers, bad = _answered(detector, pictures, asked)
                for at, (path, found) in enumerate(zip(written, answers, strict=True)):
                    if found is None:
                        rejects.add(source_name, int(chunk.numbers[at]), str(bad[at]))
                        continue
                    writer.add(Place(path), found)
                    if asked.draw is not None:
                        _draw_picture(asked.draw, path, pictures[at], found)
                count += len(pictures) - len(bad)
                tick(len(pictures))
    return count


def _answered(
    detector: Detector, pictures: list[Picture], asked: Asked
) -> tuple[list[Detections | None], dict[int, LimbeckError]]:
    if not asked.tiles:
        rows, bad = detector.encode_each(pictures)
        found = detector.found(rows, asked.threshold)
        return detector.told(pictures, [None if at in bad else one for at, one in enumerate(found)]), bad
    out: list[Detections | None] = []
    gone: dict[int, LimbeckError] = {}
    for at, picture in enumerate(pictures):
        try:
            out += detector.told([picture], [tiled(detector, upright(picture), asked.threshold)])
        except LimbeckError as error:
            out.append(None)
            gone[at] = error
    return out, gone


def _draw_picture(folder: Path, path: str, picture: Picture, found: Detections) -> None:
    parts = [part for part in Path(path).parts if part not in ("/", "\\", "..", ".")]
    target = folder.joinpath(*parts).with_suffix(".jpg")
    with whole_file(target) as part, part.open("wb") as file:
        _marked(upright(picture), found).save(file, "JPEG", quality=90)


def _marked(image: Image.Image, found: Detections) -> Image.Image:
    captions, colours = [], []
    names = found.names if found.kinds is None else found.kinds
    for at, (name, score) in enumerate(zip(names, found.scores.tolist(), strict=True)):
        number = int(found.labels[at]) if found.tracks is None else int(found.tracks[at])
        captions.append(f"{name} {score:.2f}" if found.tracks is None else f"{number} {name} {score:.2f}")
        colours.append(colour_of(number))
    return drawn(image, found.edges, captions, colours)


def _video(detector: Detector, source: str, writer: Writer, rejects: Rejects, asked: Asked, quiet: bool) -> int:
    tracker = Tracker(detector.facts.thresholds, detector.classes) if asked.track else None
    count = 0
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(Video(source))
        shown = None
        if asked.draw is not None:
            part = stack.enter_context(whole_file(asked.draw))
            shown = stack.enter_context(VideoFile(part, video.rate))
        live = stack.enter_context(Live(source, video.expected, quiet=quiet))
        with contextlib.suppress(KeyboardInterrupt) if is_live(source) else contextlib.nullcontext():
            for seconds, frame, found in _followed(detector, video, asked, tracker):
                writer.add(Place(source, count, round(seconds, 4)), found)
                if shown is not None:
                    shown.write(np.asarray(_marked(Image.fromarray(frame), found)))
                count += 1
                live.tick(len(found))
                if asked.most is not None and count >= asked.most:
                    break
        if video.broken is not None and (asked.most is None or count < asked.most):
            rejects.add(source, count, video.broken)
    if not count:
        raise LimbeckError(video.broken or "holds no frame", where=source, fix="check the video")
    return count


def _followed(
    detector: Detector, video: Video, asked: Asked, tracker: Tracker | None
) -> Iterator[tuple[float, Any, Detections]]:
    """Yield seconds, frame and boxes, frame by frame: while one is answered, the next ones are decoded."""
    from concurrent.futures import Future, ThreadPoolExecutor

    least = asked.threshold if tracker is None else tracker.lowest

    def answer(frame: Any) -> Detections:
        if asked.tiles:
            return tiled(detector, Image.fromarray(frame), least)
        found = detector.found(detector.encode([Picture(frame)]), least)
        return found[0]

    ahead = max(1, detector.threads)
    with ThreadPoolExecutor(ahead, thread_name_prefix="limbeck-frames") as pool:
        waiting: list[tuple[float, Any, Future[Detections]]] = []
        frames = video.frames()
        more = True
        while more or waiting:
            while more and len(waiting) <= ahead:
                item = next(frames, None)
                if item is None:
                    more = False
                    break
                waiting.append((*item, pool.submit(answer, item[1])))
            if waiting:
                seconds, frame, future = waiting.pop(0)
                found = future.result()
                followed = found if tracker is None else tracker.step(found, asked.threshold)
                (told,) = detector.told([Picture(frame)], [followed])
                yield seconds, frame, told or followed
