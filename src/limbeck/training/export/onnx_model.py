"""The trained student as an ONNX model with calibrated probabilities, its weights in half precision where exact."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from limbeck.bundle.open_bundle import MAP
from limbeck.kinds.select import RowInput, Rows, batch_of
from limbeck.networks import Network
from limbeck.networks.anomaly.detector import PictureDetector
from limbeck.process.quiet import at_level, without_warnings

OPSET = 18
_SMALLEST_HALF = 256  # numbers; below that a cast node costs more than it saves


class Mapping(nn.Module):
    """A detector of pictures with its calibration: arrays in, probabilities and maps out."""

    def __init__(self, answering: Answering) -> None:
        super().__init__()
        self.network, self.temperature = answering.network, answering.temperature

    def forward(self, *arrays: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities float32 [B, 2] and maps float32 [B, h, w]."""
        assert isinstance(self.network, PictureDetector)
        logits, maps = self.network.scores_with_map(*arrays)
        return torch.softmax(logits / self.temperature, dim=1), maps


class Answering(nn.Module):
    """The student with its calibration: arrays in, probabilities out (Guo et al. 2017, eq. 9).

    An ``offset`` float [C] is added to the logits after they are divided by the temperature.
    """

    offset: Tensor | None

    def __init__(self, network: Network, temperature: float, offset: np.ndarray | None = None) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature
        told = None if offset is None else torch.tensor(offset, dtype=torch.float32)
        self.register_buffer("offset", told, persistent=False)

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return calibrated probabilities, float32 [B, C]."""
        logits = self.network(*arrays) / self.temperature
        return torch.softmax(logits if self.offset is None else logits + self.offset, dim=1)


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
            custom_opsets=answering.network.operators or None,
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


def drop_unused_domains(file: Path) -> None:
    """Take out the operator domains that onnxruntime's optimiser lists but the graph does not use."""
    model = onnx.load(file)
    used = {node.domain for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    file.write_bytes(model.SerializeToString())
