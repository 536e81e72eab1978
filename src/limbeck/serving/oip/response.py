"""The answer to an inference request: tensors in JSON, or as bytes behind it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydantic_core
from numpy.typing import NDArray

from limbeck.kinds.tensors import BYTES
from limbeck.serving.http import Response
from limbeck.serving.oip.request import Wanted

HEADER = "inference-header-content-length"
_OCTETS = "application/octet-stream"
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Output:
    """A tensor of an answer; ``data`` is an array, or for BYTES a list of texts."""

    name: str
    datatype: str
    data: NDArray[np.float32] | Sequence[str]
    sizes: tuple[int, ...] | None = None  # of texts that are no single column

    @property
    def shape(self) -> list[int]:
        """The tensor's shape."""
        if self.sizes is not None:
            return list(self.sizes)
        return list(self.data.shape) if isinstance(self.data, np.ndarray) else [len(self.data)]

    def raw(self) -> bytes:
        """Return the data as bytes: row after row, little-endian, each text behind its length."""
        if isinstance(self.data, np.ndarray):
            return np.ascontiguousarray(self.data, dtype="<f4").tobytes()
        parts: list[bytes] = []
        for text in self.data:
            encoded = text.encode("utf-8", "surrogatepass")
            parts += (_LENGTH.pack(len(encoded)), encoded)
        return b"".join(parts)


def probabilities(p: NDArray[np.float32]) -> Output:
    """Return the output ``probabilities``, FP32 [N, C]."""
    return Output("probabilities", "FP32", p)


def texts(name: str, values: Sequence[str]) -> Output:
    """Return an output BYTES [N]."""
    return Output(name, BYTES, values)


def response(
    name: str, version: str, identity: str | None, outputs: Sequence[Output], wanted: Sequence[Wanted]
) -> Response:
    """Return the answer to a request.

    Parameters
    ----------
    outputs
        In the order of ``wanted``.
    """
    head: dict[str, Any] = {"model_name": name, "model_version": version}
    if identity is not None:
        head["id"] = identity
    tail: list[bytes] = []
    told = []
    for output, asked in zip(outputs, wanted, strict=True):
        one: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": output.shape}
        if asked.binary:
            raw = output.raw()
            one["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
        elif isinstance(output.data, np.ndarray):
            one["data"] = output.data.reshape(-1).tolist()
        else:
            one["data"] = list(output.data)
        told.append(one)
    head["outputs"] = told
    start = pydantic_core.to_json(head, inf_nan_mode="null")
    if not tail:
        return Response(start)
    return Response(start + b"".join(tail), content_type=_OCTETS, headers=[(HEADER, str(len(start)))])
