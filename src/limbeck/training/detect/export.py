"""A trained detector as ONNX, compared with what was trained; in eight bits where that costs no AP.

The graph ends in boxes. Eight bits are for the convolutions between the first and the last two and what joins them:
scores and distances stay in single precision, as a common scale for edges of hundreds of pixels and scores below 1
leaves no score.
"""

from __future__ import annotations

import io
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from limbeck.bundle.session import open_trusted
from limbeck.errors import LimbeckError, first_line
from limbeck.files import out_of_reach
from limbeck.kinds.image.whole.letterbox import Letterboxed
from limbeck.messages.message import message
from limbeck.metrics.boxes.overlap import overlaps
from limbeck.process.quiet import at_level, without_warnings
from limbeck.progress import say
from limbeck.training.detect.fit import BATCH, Fitted, raw_boxes
from limbeck.training.export.int8 import FASTER, quantise, why
from limbeck.training.export.onnx_model import OPSET, halve

LARGEST_SCORE, LARGEST_EDGE = 1e-4, 0.1  # difference of a score, and of an edge in pixels
COMPARED = 0.05  # score from which on boxes are compared
MOST_AP = 0.005  # AP that eight bits may cost on valid
CALIBRATED = 64  # training pictures by which eight bits find their ranges
_WEIGHTED = ["Conv", "Relu", "Add", "Resize"]  # what stands between convolutions would be rounded back and forth


@dataclass(frozen=True)
class Gate:
    """What the comparison found; saved as ``export.json``."""

    rows: int
    largest_score_difference: float
    largest_edge_difference: float
    bytes: int
    speed_over_torch: float
    int8: dict[str, float | int | bool | str]
    serve: str


def export(fitted: Fitted, folder: Path, *, int8: str, sample: Letterboxed, ap: Callable[[np.ndarray], float]) -> Gate:
    """Write ``model.onnx``, and ``model.int8.onnx`` where it is nearly as right and faster; return what was found.

    Parameters
    ----------
    int8
        ``auto``, ``keep`` (whatever the clock says) or ``never``.
    sample
        Training pictures by which eight bits find the ranges of activations.
    ap
        The AP on valid of an answer float32 [N, K, 6].

    Raises
    ------
    LimbeckError
        When the exported model answers otherwise than the trained one.
    """
    whole, file = to_onnx(fitted), folder / "model.onnx"
    file.write_bytes(halve(whole).SerializeToString())
    started = time.perf_counter()
    wanted = raw_boxes(fitted.network, fitted.encoder, fitted.valid)
    torch_seconds = (time.perf_counter() - started) / len(wanted)
    answer, seconds = answered(file, fitted, BATCH)
    alone, one_seconds = answered(file, fitted, 1)
    score, edge = differences(wanted, answer)
    score_alone, edge_alone = differences(answer, alone)
    score, edge = max(score, score_alone), max(edge, edge_alone)
    if not (score <= LARGEST_SCORE and edge <= LARGEST_EDGE):  # so written that a NaN is refused too
        what = f"the exported model differs from the trained one by {score:.1e} in scores and {edge:.2g} pixels"
        raise LimbeckError(what, where="export", fix="report it; the checkpoint is kept, so nothing is lost")
    found: dict[str, float | int | bool | str] = {"kept": False, **why(message("export.switched_off"))}
    if int8 != "never":
        found = _try_int8(whole, folder, fitted, sample, ap, answer, one_seconds, whatever_speed=int8 == "keep")
    serve = "model.int8.onnx" if found["kept"] else "model.onnx"
    kept = "kept" if found["kept"] else f"not kept ({found['reason']})"
    say(f"export: largest difference {score:.1e} of scores, {edge:.1e} pixels of edges, int8 {kept}")
    return Gate(len(wanted), score, edge, file.stat().st_size, torch_seconds / seconds, found, serve)


def to_onnx(fitted: Fitted) -> onnx.ModelProto:
    """Trace a detector into an ONNX model with a dynamic batch; the sides are those of the letterbox."""
    example = fitted.encoder.batch(fitted.valid.take(np.zeros(2, dtype=np.int64)), np.arange(2))["pixels"]
    network, memory = fitted.network.eval().to(memory_format=torch.contiguous_format), io.BytesIO()
    with without_warnings(), at_level("torch.onnx", logging.ERROR), torch.no_grad():
        torch.onnx.export(
            network,
            (torch.from_numpy(example),),
            memory,
            dynamo=False,
            opset_version=OPSET,
            input_names=["pixels"],
            output_names=["boxes"],
            dynamic_axes={"pixels": {0: "batch"}, "boxes": {0: "batch"}},
        )
    model = onnx.load_from_string(memory.getvalue())
    del model.graph.value_info[:]
    return model


def answered(file: Path, fitted: Fitted, batch: int) -> tuple[np.ndarray, float]:
    """Return what a model answers to the valid pictures, float32 [N, K, 6], and the seconds of one picture."""
    session, rows = open_trusted(file), fitted.valid
    feeds = (fitted.encoder.batch(rows, np.arange(at, min(at + batch, len(rows)))) for at in range(0, len(rows), batch))
    out, taken = [], []
    for feed in feeds:
        started = time.perf_counter()
        out.append(session.run(None, feed)[0])
        taken.append((time.perf_counter() - started) / len(out[-1]))
    return np.concatenate(out), float(np.median(taken))


def differences(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the largest difference of scores, and of edges in pixels, of two answers float32 [N, K, 6].

    Each box from a score of 0.05 on is compared with the box of its class that it overlaps most in the other answer.
    Below, on flat background, cells beside each other are so alike that rounding decides which of them is the peak.
    """
    score = edge = 0.0
    for left, right in zip(one, other, strict=True):
        for box in left[left[:, 4] >= COMPARED]:
            same = right[right[:, 5] == box[5]].astype(np.float64)
            shared = overlaps(box[None, :4].astype(np.float64), same[:, :4])[0]
            if not shared.max(initial=0.0) > 0:
                return float("inf"), float("inf")
            near = same[shared.argmax()]
            score = max(score, float(abs(near[4] - box[4])))
            edge = max(edge, float(np.abs(near[:4] - box[:4]).max()))
    return score, edge


def _try_int8(
    whole: onnx.ModelProto, folder: Path, fitted: Fitted, sample: Letterboxed, ap: Callable[[np.ndarray], float],
    answer: np.ndarray, seconds: float, *, whatever_speed: bool,
) -> dict[str, float | int | bool | str]:  # fmt: skip
    file = folder / "model.int8.onnx"
    try:
        shown = (fitted.encoder.batch(sample, np.array([at])) for at in range(len(sample)))
        quantise(whole, file, shown, operators=_WEIGHTED, left_whole=_left_whole)
        quantised, own_seconds = answered(file, fitted, 1)
    except OSError as error:  # see `limbeck.training.export.int8.try_int8`
        raise out_of_reach(error, Path(error.filename or tempfile.gettempdir())) from error
    except Exception as error:  # whatever the quantiser cannot do, the single-precision model can
        file.unlink(missing_ok=True)
        return {"kept": False, **why(message("export.cannot_quantise", error=first_line(error, 120)))}
    lost, speed = ap(answer) - ap(quantised), seconds / own_seconds
    facts: dict[str, float | int | bool | str] = {
        "ap_lost": lost, "speed_over_fp32": speed, "bytes": file.stat().st_size,
    }  # fmt: skip
    if lost <= MOST_AP and (speed > FASTER or whatever_speed):
        return {"kept": True, **why(message("export.kept")), **facts}
    file.unlink()
    reason = message("export.ap_lost", lost=lost) if lost > MOST_AP else message("export.not_faster", speed=speed)
    return {"kept": False, **why(reason), **facts}


def _left_whole(nodes: Sequence[onnx.NodeProto]) -> list[str]:
    """Return the nodes up to the first convolution, and from the last but one on.

    The first one has three channels, for which eight bits take three times as long; the last two are heat and
    distances, and what follows decodes: a rounding there is a rounding of scores and edges.
    """
    convolutions = [at for at, node in enumerate(nodes) if node.op_type == "Conv"]
    return [node.name for at, node in enumerate(nodes) if at <= convolutions[0] or at >= convolutions[-2]]
