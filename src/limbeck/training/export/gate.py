"""Out of torch and through the gate: an exported model that answers like the trained one, or none.

The graph ends in calibrated probabilities, so that every door gives the same answer. Weights are rounded to half
precision *before* the student is judged, and stored that way: the files are half as large and no answer changes.
"""

from __future__ import annotations

import io
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from limbeck.bundle.open_bundle import MAP
from limbeck.bundle.session import open_trusted
from limbeck.errors import LimbeckError, first_line
from limbeck.files import out_of_reach
from limbeck.kinds.select import RowInput, Rows, batch_of
from limbeck.kinds.text.ragged import batches
from limbeck.messages.message import Message, as_json, message
from limbeck.networks import Network
from limbeck.networks.anomaly.detector import PictureDetector
from limbeck.process.quiet import at_level, without_root_logs, without_warnings
from limbeck.progress import say

OPSET = 18
LARGEST_DIFFERENCE = 1e-4
MOST_FLIPPED = 0.005
LARGEST_BATCH_DIFFERENCE = 0.01  # of an int8 probability, between a row alone and the row in a batch
FASTER = 1.05  # int8 has to win by more than the clock's noise
_COMPARED, _TIMED, _ALONE = 1000, 96, 100  # rows
# What int8 makes faster. The rest stays whole: where light is evened, eight bits before a division by a small spread
# flipped a third of the labels of traffic signs, and rounding back and forth took more time than it saved.
_WEIGHTED = ["Conv", "Gemm", "MatMul", "MaxPool", "Relu"]
CALIBRATED = 256  # training pictures by which int8 finds the ranges of activations
_SMALLEST_HALF = 256  # numbers; below that a cast node costs more than it saves


class Mapping(nn.Module):
    """A detector of pictures with its calibration: arrays in, probabilities and maps out."""

    def __init__(self, answering: Answering) -> None:
        super().__init__()
        self.network, self.temperature = answering.network, answering.temperature

    def forward(self, *arrays: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities float32 [B, 2] and maps float32 [B, h, w]."""
        assert isinstance(self.network, PictureDetector)
        logits, maps = self.network.judged(*arrays)
        return torch.softmax(logits / self.temperature, dim=1), maps


class Answering(nn.Module):
    """The student with its calibration: arrays in, probabilities out (Guo et al. 2017, eq. 9)."""

    def __init__(self, network: Network, temperature: float) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return calibrated probabilities, float32 [B, C]."""
        return torch.softmax(self.network(*arrays) / self.temperature, dim=1)


@dataclass(frozen=True)
class Gate:
    """What the gate found; saved as ``export.json``."""

    rows: int
    largest_difference: float
    flipped: int
    bytes: int
    speed_over_torch: float
    int8: dict[str, float | int | bool | str]
    serve: str


@torch.no_grad()
def round_to_half(network: Network) -> None:
    """Round every weight to the nearest half-precision number, in place, unless one is out of its range."""
    for weight in network.parameters():
        rounded = weight.half().float()
        if torch.isfinite(rounded).all():
            weight.copy_(rounded)


@torch.no_grad()
def logits_of(network: Network, encoder: RowInput, rows: Rows) -> np.ndarray:
    """Return the student's logits float [N, C] in its own precision, in batches of similar length."""
    network.eval()
    weight = next(chain(network.parameters(), network.buffers()))  # a detector may have no weights
    out = None
    for part in batches(rows.lengths, tokens=8192, most=256):
        arrays = batch_of(encoder, rows, part)
        given = [torch.from_numpy(arrays[name]).to(weight.device) for name in network.arrays]
        given = [array.to(weight.dtype) if array.is_floating_point() else array for array in given]
        logits = network(*given).cpu().numpy()
        if out is None:
            out = np.empty((len(rows), logits.shape[1]), dtype=logits.dtype)
        out[part] = logits
    if out is None:
        raise LimbeckError("there are no rows to score")
    return out


def export(
    network: Network, encoder: RowInput, rows: Rows, folder: Path, *, temperature: float, threshold: float,
    positive: int, int8: str, sample: Rows | None = None,
) -> Gate:  # fmt: skip
    """Write ``model.onnx`` (and ``model.int8.onnx`` when the gate lets it through) and return the gate's findings.

    Parameters
    ----------
    rows
        Encoded rows on which the models are compared; those of valid.
    int8
        ``auto``, ``keep`` or ``never``, as in the recipe. What ``auto`` came to depends on the clock, so the bundle's
        recipe says ``keep`` or ``never``: training from it again gives the same bundle.
    sample
        Training pictures by which int8 finds its ranges; None where rows are no pictures.

    Raises
    ------
    LimbeckError
        When the exported model differs from the trained one by more than 1e-4 or flips a label.
    """
    answering = Answering(network.cpu().eval(), temperature).eval()
    whole = to_onnx(answering, encoder, rows)
    file = folder / "model.onnx"
    file.write_bytes(halve(whole).SerializeToString())
    rows = rows.take(np.linspace(0, len(rows) - 1, min(len(rows), _COMPARED)).astype(np.int64))
    parts = batches(rows.lengths, tokens=4096, most=32)
    feeds = [batch_of(encoder, rows, part) for part in parts]

    def decide(answers: list[np.ndarray]) -> np.ndarray:
        joined = np.concatenate(answers)
        return joined.argmax(axis=1) if joined.shape[1] > 2 else joined[:, positive] >= threshold

    torch_answers, torch_seconds = _torch_answers(answering, feeds)
    answers, seconds = _onnx_answers(file, feeds)
    difference = float(np.abs(np.concatenate(answers) - np.concatenate(torch_answers)).max())
    # A row within rounding of the threshold may fall on either side; such a row is no flip unless it really moved.
    moved = decide(answers) != decide(torch_answers)
    flipped = int(moved.sum()) if difference > 1e-6 else 0
    if not difference <= LARGEST_DIFFERENCE or flipped:  # so written that a NaN is refused too
        what = f"the exported model differs from the trained one by {difference:.1e} and flips {flipped} labels"
        raise LimbeckError(what, where="export", fix="report it; the checkpoint is kept, so nothing is lost")
    found: dict[str, float | int | bool | str] = {"kept": False, **why(message("export.switched_off"))}
    if int8 != "never":
        shown = [] if sample is None else [
            batch_of(encoder, sample, part) for part in batches(sample.lengths, tokens=4096, most=32)
        ]  # fmt: skip
        order = np.concatenate(parts)
        some = np.unique(np.linspace(0, len(order) - 1, min(len(order), _ALONE)).astype(np.int64))
        alone = {int(at): batch_of(encoder, rows, order[at : at + 1]) for at in some}
        found = _try_int8(whole, folder, feeds, alone, decide, answers, shown, whatever_speed=int8 == "keep")
    serve = "model.int8.onnx" if found["kept"] else "model.onnx"
    gate = Gate(len(rows), difference, flipped, file.stat().st_size, torch_seconds / seconds, found, serve)
    kept = "kept" if found["kept"] else f"not kept ({found['reason']})"
    say(f"export: largest difference {difference:.1e}, {flipped} labels flipped, int8 {kept}")
    return gate


def gate_facts(gate: Gate) -> dict:
    """Return the gate's findings as plain data."""
    return asdict(gate)


def to_onnx(answering: Answering, encoder: RowInput, rows: Rows) -> onnx.ModelProto:
    """Trace the student into an ONNX model with dynamic batch and length."""
    names = list(answering.network.arrays)
    # Two rows of different length, so that the tracer cannot take either dimension for a constant.
    example = batch_of(encoder, rows, np.array([int(rows.lengths.argmax()), int(rows.lengths.argmin())]))
    memory, fixed = io.BytesIO(), answering.network.fixed
    mapped = isinstance(answering.network, PictureDetector)
    outputs = ["probabilities", MAP] if mapped else ["probabilities"]
    with without_warnings(), at_level("torch.onnx", logging.ERROR), torch.no_grad():
        # The tracing exporter: 60 times faster than the dynamo one on a GRU, and it keeps sequence lengths dynamic.
        torch.onnx.export(
            Mapping(answering).eval() if mapped else answering,
            tuple(torch.from_numpy(example[name]) for name in names),
            memory,
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=outputs,
            # Of pictures the batch alone: their channels and sides are the network's.
            dynamic_axes={
                name: {0: "batch", **({1: "length"} if example[name].ndim == 2 and name not in fixed else {})}
                for name in names
            }
            | {name: {0: "batch"} for name in outputs},
        )
    model = onnx.load_from_string(memory.getvalue())
    del model.graph.value_info[:]
    # What a network does not look at is an input all the same: every door feeds what the bundle reads.
    there = {given.name for given in model.graph.input}
    for name in names:
        if name not in there:
            sides = ["batch", *example[name].shape[1:]]
            model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sides))
    return model


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store every large weight that half precision holds exactly as half precision, with a cast behind it."""
    small = onnx.ModelProto()
    small.CopyFrom(model)
    casts = []
    for tensor in small.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):  # what is out of range is no half-precision number, and stays
            half = value.astype(np.float16)
        if value.size < _SMALLEST_HALF or not np.array_equal(half.astype(np.float32), value):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *small.graph.node]
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    return small


def _torch_answers(answering: Answering, feeds: list[dict[str, np.ndarray]]) -> tuple[list[np.ndarray], float]:
    tensors = [[torch.from_numpy(feed[name]) for name in answering.network.arrays] for feed in feeds]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            answers = [answering.forward(*arrays).numpy() for arrays in tensors]
            return answers, _median_seconds([partial(answering.forward, *arrays) for arrays in tensors])
    finally:
        torch.set_num_threads(threads)


def _onnx_answers(file: Path, feeds: list[dict[str, np.ndarray]]) -> tuple[list[np.ndarray], float]:
    session = open_trusted(file)
    answers = [session.run(None, feed)[0] for feed in feeds]
    return answers, _median_seconds([partial(session.run, None, feed) for feed in feeds])


def _batch_difference(file: Path, answers: list[np.ndarray], alone: dict[int, dict[str, np.ndarray]]) -> float:
    """Return the largest difference of a probability between rows alone and the same rows in batches."""
    session, joined = open_trusted(file), np.concatenate(answers)
    return max(float(np.abs(session.run(None, feed)[0][0] - joined[at]).max()) for at, feed in alone.items())


def _median_seconds(calls: list[Callable[[], object]], times: int = 3) -> float:
    # A few batches from all over the range of lengths stand for the rest.
    some = calls[:: max(1, len(calls) * 32 // _TIMED)]
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        for call in some:
            call()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def drop_unused_domains(file: Path) -> None:
    """Take out the operator domains that onnxruntime's optimiser lists but the graph does not use."""
    model = onnx.load(file)
    used = {node.domain for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    file.write_bytes(model.SerializeToString())


def _quantise(source: Path, target: Path, sample: list[dict[str, np.ndarray]]) -> None:
    """Quantise the weights, and with a ``sample`` of batches the activations by the ranges that they have there.

    Convolutions want the latter: ranges that are looked for anew in every batch cost them more than int8 saves.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    if not sample:
        quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)
        return
    names = {given.name for given in onnx.load(source).graph.input}
    quantize_static(
        source,
        target,
        _Shown([{name: feed[name] for name in names} for feed in sample]),
        op_types_to_quantize=_WEIGHTED,
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,  # processors without VNNI add two products in sixteen bits, which eight bits would overflow
    )


class _Shown:
    """Batches of arrays one by one, as onnxruntime's calibration asks for them."""

    def __init__(self, feeds: list[dict[str, np.ndarray]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch, None behind the last."""
        return next(self._feeds, None)


def _try_int8(
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
    from onnxruntime.quantization.shape_inference import quant_pre_process

    file = folder / "model.int8.onnx"
    try:
        # The quantiser warns through the root logger.
        with tempfile.TemporaryDirectory() as scratch, without_root_logs("onnxruntime"):
            source, ready = Path(scratch, "whole.onnx"), Path(scratch, "ready.onnx")
            source.write_bytes(whole.SerializeToString())
            # Without symbolic shapes: they fail on traced attention, and dynamic quantisation does not need them.
            quant_pre_process(source, ready, skip_symbolic_shape=True)
            _quantise(ready, file, sample)
        drop_unused_domains(file)
        quantised, seconds = _onnx_answers(file, feeds)
        beside = _batch_difference(file, quantised, alone)
    except OSError as error:  # a full disk is no reason for another model: neither the bundle's nor that of TMPDIR
        raise out_of_reach(error, Path(error.filename or tempfile.gettempdir())) from error
    except Exception as error:  # whatever the quantiser cannot do, the single-precision model can
        file.unlink(missing_ok=True)
        return {"kept": False, **why(message("export.cannot_quantise", error=first_line(error, 120)))}
    _, single = _onnx_answers(folder / "model.onnx", feeds)
    _, again = _onnx_answers(file, feeds)
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
