"""An ONNX model from anywhere, checked and opened by onnxruntime: here if it is plain, else in a child with limits.

Limbeck's own exports are plain: for a batch `limbeck.bundle.onnx.extent` finds beforehand that they take little. A
model that cannot be followed, or takes much, runs in a child process (`limbeck.process.confined`) that is ended when it
takes too long or too much memory. Its answers are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.bundle.onnx.arrays import Extent, Shape
from limbeck.bundle.onnx.check import check_graph
from limbeck.bundle.onnx.extent import extent
from limbeck.bundle.onnx.graph import Graph, read_graph
from limbeck.errors import LimbeckError, first_line
from limbeck.files import read_regular
from limbeck.process.confined import Confined, Limits

LARGEST = 2**31 - 1  # bytes; protocol buffers hold no more
# What a plain model may take for one batch: all of Limbeck's stay a tenth below.
_NUMBERS, _LARGEST_ARRAY, _PRODUCTS = 2**33, 2**28, 2**41
MEMORY = 4 * 2**30  # bytes of a model that is held to limits, beside what its file takes
SECONDS = 120.0  # for opening such a model, and for one batch


def open_session(file: Path, inside: Path | None = None, feeds: Sequence[Mapping[str, Shape]] = ()) -> Any:
    """Open a checked ONNX model: one thread a run, as several runs share the cores.

    Parameters
    ----------
    inside
        The folder that the file has to lie in, links followed.
    feeds
        The shapes of the largest batches that it will be asked. Without them the model runs in a child process.

    Raises
    ------
    LimbeckError
        When it is no regular file, no ONNX model, or one that must not be opened; see `check_graph`.
    """
    content = _content(file, inside)
    check_graph(content, file)
    graph, bends = _followed(content, feeds)
    if graph is None:
        return ConfinedSession(content, file)
    session = session_of(content, file)
    return WatchedSession(session, graph, file) if bends else session


def open_trusted(file: Path) -> Any:
    """Open a model that this program has just written."""
    return session_of(_content(file, None), file)


def _content(file: Path, inside: Path | None) -> bytes:
    try:
        return read_regular(file, LARGEST, inside)
    except OSError as error:
        raise LimbeckError(f"cannot be read ({error.strerror})", where=file, fix="check the path") from error


def _followed(content: bytes, feeds: Sequence[Mapping[str, Shape]]) -> tuple[Graph | None, bool]:
    """Return the graph, if it is plain, and whether a smaller batch may take more than the largest."""
    try:
        graph = read_graph(content)
        found = [extent(graph, shapes) for shapes in feeds]
    except Exception:  # whatever is odd about it
        return None, False
    if not found or not all(map(_small, found)):
        return None, False
    return graph, any(each.bends for each in found)


def _small(found: Extent) -> bool:
    return found.numbers <= _NUMBERS and found.largest <= _LARGEST_ARRAY and found.products <= _PRODUCTS


def session_of(content: bytes, where: object) -> Any:
    """Open the content of a checked model in this process."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Otherwise bytes that look like onnxruntime's own format, which nobody has checked, would be read as such.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # A batch of another shape would be a new plan each time; without plans memory stays flat over millions of rows.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        reason = first_line(error, 200)
        fix = "upgrade onnxruntime, or export the bundle anew"
        raise LimbeckError(f"onnxruntime cannot open it: {reason}", where=where, fix=fix) from error


class WatchedSession:
    """A plain model whose largest batch need not take most: every new shape of batch is followed first."""

    def __init__(self, session: Any, graph: Graph, where: Path) -> None:
        self.session, self.graph, self.where = session, graph, where
        self._known: set[tuple[tuple[str, Shape], ...]] = set()
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs

    def run(self, outputs: Sequence[str] | None, feed: Mapping[str, Any]) -> list[Any]:
        """Run the model on a batch."""
        shapes = {name: array.shape for name, array in feed.items()}
        key = tuple(sorted(shapes.items()))
        if key not in self._known:
            try:
                small = _small(extent(self.graph, shapes))
            except Exception:  # the graph does something else for this batch
                small = False
            if not small:
                raise LimbeckError("the model takes too much for a batch of this size", where=self.where)
            self._known.add(key)
        found: list[Any] = self.session.run(outputs, feed)
        return found


@dataclass(frozen=True)
class Port:
    """An input or output of a model."""

    name: str
    type: str
    shape: list[Any]


class ConfinedSession:
    """A model in a child process, with as much of onnxruntime's interface as is used here."""

    def __init__(self, content: bytes, where: Path) -> None:
        limits = Limits(memory=MEMORY + 3 * len(content), seconds=SECONDS)
        self._child = Confined("limbeck.bundle.onnx.model_process", limits, where=where, doing="running the model")
        try:
            told, _ = self._child.ask({"where": str(where)}, {"model": np.frombuffer(content, dtype=np.uint8)})
        except BaseException:
            self._child.close()
            raise
        self._inputs = [Port(str(name), str(kind), list(shape)) for name, kind, shape in told["inputs"]]
        self._outputs = [Port(str(name), str(kind), list(shape)) for name, kind, shape in told["outputs"]]

    def get_inputs(self) -> list[Port]:
        """Return what the model takes."""
        return self._inputs

    def get_outputs(self) -> list[Port]:
        """Return what the model gives."""
        return self._outputs

    def run(self, outputs: Sequence[str] | None, feed: Mapping[str, Any]) -> list[Any]:
        """Run the model on a batch; numbers come back as arrays, texts as arrays of objects, maps as dictionaries."""
        names = list(outputs) if outputs is not None else [port.name for port in self._outputs]
        given = {name: np.asarray(array) for name, array in feed.items()}
        texts = {
            name: [array.shape, array.reshape(-1).tolist()] for name, array in given.items() if array.dtype == object
        }
        numbers = {name: array for name, array in given.items() if name not in texts}
        head, made = self._child.ask({"outputs": names, "texts": texts}, numbers)
        return [made[name] if name in made else _plain(head["other"][name]) for name in names]

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def __del__(self) -> None:
        if child := self.__dict__.get("_child"):
            child.close()


def _plain(told: list[Any]) -> Any:
    if told[0] == "texts":
        return np.array(told[2], dtype=object).reshape(told[1])
    return [dict(map(tuple, row)) for row in told[1]]
