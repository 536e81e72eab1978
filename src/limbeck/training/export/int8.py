"""Eight-bit models: kept where they answer nearly as the exported model does, and faster."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx

from limbeck.errors import first_line
from limbeck.files import out_of_reach
from limbeck.messages.message import Message, as_json, message
from limbeck.process.quiet import without_root_logs
from limbeck.training.export.onnx_model import drop_unused_domains
from limbeck.training.export.timed_answers import batch_difference, onnx_answers

MOST_FLIPPED = 0.005
LARGEST_BATCH_DIFFERENCE = 0.01  # of an int8 probability, between a row alone and the row in a batch
FASTER = 1.05  # int8 has to win by more than the clock's noise
# What int8 makes faster. The rest stays whole: where light is evened, eight bits before a division by a small spread
# flipped a third of the labels of traffic signs, and rounding back and forth took more time than it saved.
_WEIGHTED = ["Conv", "Gemm", "MatMul", "MaxPool", "Relu"]
CALIBRATED = 256  # training pictures by which int8 finds the ranges of activations


def quantise(
    whole: onnx.ModelProto, target: Path, sample: Iterable[dict[str, np.ndarray]] | None, *,
    operators: Sequence[str] = _WEIGHTED, left_whole: Callable[[Sequence[onnx.NodeProto]], list[str]] = lambda _: [],
) -> None:  # fmt: skip
    """Write a model in eight bits: its weights, and with a ``sample`` its activations, by their ranges in its batches.

    Convolutions want the latter: ranges that are looked for anew in every batch cost them more than int8 saves.

    Parameters
    ----------
    operators
        Those that are quantised with a sample.
    left_whole
        Which nodes of the prepared graph, by name, stay in single precision.

    Raises
    ------
    OSError
        For a full disk.
    Exception
        For what else the quantiser cannot do.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    # The quantiser warns through the root logger.
    with tempfile.TemporaryDirectory() as scratch, without_root_logs("onnxruntime"):
        source, ready = Path(scratch, "whole.onnx"), Path(scratch, "ready.onnx")
        source.write_bytes(whole.SerializeToString())
        # Without symbolic shapes: they fail on traced attention, and dynamic quantisation does not need them.
        quant_pre_process(source, ready, skip_symbolic_shape=True)
        if sample is None:
            quantize_dynamic(ready, target, weight_type=QuantType.QInt8, per_channel=True)
        else:
            graph = onnx.load(ready).graph
            names = {given.name for given in graph.input}
            quantize_static(
                ready, target, _Shown({name: feed[name] for name in names} for feed in sample),
                op_types_to_quantize=list(operators), nodes_to_exclude=left_whole(graph.node),
                quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                per_channel=True,
                # Processors without VNNI add two products in sixteen bits, which eight bits would overflow.
                reduce_range=True,
            )  # fmt: skip
    drop_unused_domains(target)


class _Shown:
    """Batches of arrays one by one, as onnxruntime's calibration asks for them."""

    def __init__(self, feeds: Iterable[dict[str, np.ndarray]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch, None behind the last."""
        return next(self._feeds, None)


def try_int8(
    whole: onnx.ModelProto,
    folder: Path,
    feeds: list[dict[str, np.ndarray]],
    alone: dict[int, dict[str, np.ndarray]],
    decide: Callable[[list[np.ndarray]], np.ndarray],
    answers: list[np.ndarray],
    sample: list[dict[str, np.ndarray]],
    *,
    whatever_speed: bool,
) -> dict[str, float | int | bool | str]:
    """Quantise to int8 and keep the result only if it is nearly as right, and faster.

    The ranges of a batch's activations are those of all its rows, so an int8 answer depends on the rows beside it. How
    far is measured on rows ``alone``, by their places in ``feeds``.
    """
    file = folder / "model.int8.onnx"
    try:
        quantise(whole, file, sample or None)
        quantised, seconds = onnx_answers(file, feeds)
        beside = batch_difference(file, quantised, alone)
    except OSError as error:  # a full disk is no reason for another model: neither the bundle's nor that of TMPDIR
        raise out_of_reach(error, Path(error.filename or tempfile.gettempdir())) from error
    except Exception as error:  # whatever the quantiser cannot do, the single-precision model can
        file.unlink(missing_ok=True)
        return {"kept": False, **why(message("export.cannot_quantise", error=first_line(error, 120)))}
    _, single = onnx_answers(folder / "model.onnx", feeds)
    _, again = onnx_answers(file, feeds)
    flipped = float((decide(quantised) != decide(answers)).mean())
    speed = single / min(seconds, again)
    facts: dict[str, float | int | bool | str] = {
        "flipped_share": flipped, "batch_difference": beside, "speed_over_fp32": speed, "bytes": file.stat().st_size,
    }  # fmt: skip
    steady = beside <= LARGEST_BATCH_DIFFERENCE  # so written that a NaN is refused too
    if flipped <= MOST_FLIPPED and steady and (speed > FASTER or whatever_speed):
        return {"kept": True, **why(message("export.kept")), **facts}
    file.unlink()
    reason = message("export.not_faster", speed=speed)
    if flipped > MOST_FLIPPED:
        reason = message("export.labels_flip", share=flipped)
    elif not steady:
        reason = message("export.batch_differs", difference=beside)
    return {"kept": False, **why(reason), **facts}


def why(reason: Message) -> dict:
    """Return a reason as export.json holds it: the sentence, and its code and values."""
    return {"reason": reason, "message": as_json(reason)}
