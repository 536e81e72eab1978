"""``onnx:FILE``: any ONNX classifier of named numeric columns or of one text, checked before it is opened.

A model that was exported for a fixed number of rows is asked in blocks of that number, the last one filled up. Maps of
class to probability, which converters of scikit-learn write as ZipMap, are read as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.bundle.session import open_session
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.files import sha256
from limbeck.teachers.base import AnswerError, Answers, Place, Teacher
from limbeck.teachers.columns import numbers, texts
from limbeck.teachers.label_map import LabelMap, probabilities

_TYPES: dict[str, Any] = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(string)": str,
}  # fmt: skip
_SCORES = ("tensor(float)", "tensor(double)", "tensor(float16)")
_MAPS = "seq(map("  # what ZipMap gives


class Onnx:
    """An ONNX file as a teacher.

    Its one input takes [N, F] floats of the columns in ``input``, or [N] or [N, 1] strings of one column. A model
    with several inputs gets ``options.inputs``, a table of input name -> column or list of columns.
    """

    def __init__(self, place: Place) -> None:
        known = {"classes": [], "inputs": {}, "output": "", "gives": "probabilities"}
        options = place.options(known)
        path: Path = place.file()
        self.name, self.classes, self.block = place.spec.name, place.classes, place.block(4096)
        self.gives = place.one_of("gives", options["gives"], ("probabilities", "logits"))
        self.session = open_session(path)
        self.inputs = self._inputs(options["inputs"], place)
        self.fixed = self._fixed_rows(place)
        self.columns = tuple(dict.fromkeys(column for _, columns in self.inputs for column in columns))
        self.output, self.maps = self._output(options["output"], place)
        self.keys = self._keys() if self.maps else []
        self.labels = LabelMap(self._class_names(options["classes"], place), place)
        wide = [kind for node, _ in self.inputs if (kind := node.type) in ("tensor(double)", "tensor(int64)")]
        self.fingerprint = place.fingerprint(sha256(path), self.columns, *wide)

    def _inputs(self, wanted: dict[str, Any], place: Place) -> list[tuple[Any, tuple[str, ...]]]:
        given = {node.name: node for node in self.session.get_inputs()}
        if not wanted:
            if len(given) != 1:
                what = f"the model has the inputs {list(given)}"
                raise place.wrong(what, "say in options.inputs which columns each of them takes")
            wanted = {next(iter(given)): list(place.columns(place.task.input))}
        for name in wanted:
            if name not in given:
                raise place.wrong(f"the model has no input {name!r}", did_you_mean(name, given))
        for name, node in given.items():
            if name not in wanted:
                raise place.wrong(f"options.inputs leaves out {name!r}", "say which columns it takes")
            if node.type not in _TYPES:
                raise place.wrong(f"the input {name!r} is a {node.type}", f"known: {', '.join(_TYPES)}")
        pairs = [(given[name], (take,) if isinstance(take, str) else tuple(take)) for name, take in wanted.items()]
        for node, columns in pairs:
            if node.type == "tensor(string)" and len(columns) != 1:
                raise place.wrong(f"the input {node.name!r} takes one column of text", f"given: {list(columns)}")
            if len(node.shape) == 2 and isinstance(node.shape[1], int) and node.shape[1] != len(columns):
                what = f"the input {node.name!r} takes {node.shape[1]} numbers a row"
                raise place.wrong(what, f"its input names {len(columns)}: {', '.join(columns)}")
        return pairs

    def _fixed_rows(self, place: Place) -> int:
        """Return how many rows the model takes at a time, 0 where that is free."""
        found = {node.shape[0] for node, _ in self.inputs if node.shape and isinstance(node.shape[0], int)}
        if len(found) > 1 or 0 in found or any(not node.shape for node, _ in self.inputs):
            shapes = ", ".join(f"{node.name} {node.shape}" for node, _ in self.inputs)
            what = f"its inputs do not take the same number of rows: {shapes}"
            raise place.wrong(what, "export it with a free first dimension")
        return int(next(iter(found), 0))

    def _output(self, wanted: str, place: Place) -> tuple[str, bool]:
        """Return the output to read, and whether it holds maps."""
        given = {node.name: node.type for node in self.session.get_outputs()}
        if wanted and wanted not in given:
            raise place.wrong(f"the model has no output {wanted!r}", did_you_mean(wanted, given))
        floats = [name for name, kind in given.items() if kind in _SCORES]
        maps = [name for name, kind in given.items() if kind.startswith(_MAPS)]
        likely = floats or maps
        if not wanted and len(likely) != 1:
            what = f"the model has {len(likely)} outputs of scores among {list(given)}"
            raise place.wrong(what, "name one in options.output")
        name = wanted or likely[0]
        if given[name].startswith(_MAPS):
            return name, True
        if not given[name].startswith("tensor(") or given[name] == "tensor(string)":
            what = f"the output {name!r} is a {given[name]}, which holds no scores"
            raise place.wrong(what, f"name another in options.output: {', '.join(likely)}" if likely else None)
        return name, False

    def _keys(self) -> list[Any]:
        """Return the keys of the maps in their order, which only an answer shows: a row of zeros is asked."""
        rows = self.fixed or 1
        feed = {}
        for node, columns in self.inputs:
            kind = _TYPES[node.type]
            shape = (rows, len(columns)) if len(node.shape) == 2 else (rows,)
            feed[node.name] = np.full(shape, "", dtype=object) if kind is str else np.zeros(shape, dtype=kind)
        return list(self._run(feed)[0])

    def _class_names(self, given: list[Any], place: Place) -> list[str]:
        if not self.maps:
            return [str(name) for name in given or place.classes]
        keys = [str(key) for key in self.keys]
        if given and set(map(str, given)) != set(keys):
            if len(given) != len(keys):
                what = f"the model tells {len(keys)} classes apart: {', '.join(keys)}"
                raise place.wrong(what, f"options.classes names {len(given)}")
            return [str(name) for name in given]
        # Numbers that are no names of ours are positions, as in a tensor.
        counted = keys == [str(at) for at in range(len(place.classes))] and not set(keys) & {
            *place.classes,
            *place.spec.labels,
        }
        return list(place.classes) if counted else keys

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; a row with an empty text is an abstention, an empty number is NaN to the model."""
        there = np.ones(rows.height, dtype=bool)
        feed: dict[str, Any] = {}
        for node, columns in self.inputs:
            kind = _TYPES[node.type]
            if kind is str:
                values, filled = texts(rows, columns[0], self.name)
                array = np.array(values, dtype=object)
                there &= filled
            else:
                whole = np.issubdtype(kind, np.integer)
                array = numbers(rows, columns, self.name, np.float64 if whole else kind)
                if whole:
                    there &= np.isfinite(array).all(axis=1)
                    array = np.where(np.isfinite(array), array, 0).astype(kind)
                array = array[:, 0] if len(node.shape) == 1 else array
            feed[node.name] = array.reshape(-1, 1) if len(node.shape) == 2 and array.ndim == 1 else array
        answers = probabilities(self._scores(feed, rows.height), self.gives)
        answers[~there] = np.nan
        return self.labels(answers, self.name)

    def _scores(self, feed: dict[str, Any], rows: int) -> np.ndarray:
        """Return the scores [N, …] of N rows, asked at once or in blocks of the number that the model takes."""
        step, parts = self.fixed or max(rows, 1), []
        for start in range(0, max(rows, 1), step):
            count = min(step, rows - start)
            # The last row is repeated where the block is not full.
            at = np.minimum(np.arange(start, start + (self.fixed or count)), max(rows - 1, 0))
            found = self._run({name: values[at] for name, values in feed.items()} if rows else feed)
            scores = self._read(found)
            answered = len(scores) if scores.ndim else 0  # one number alone answers no row
            if answered != (self.fixed or count):
                raise AnswerError(f"it answered {answered} of {count} rows", teacher=self.name)
            parts.append(scores[:count])
        return np.concatenate(parts)

    def _read(self, found: Any) -> np.ndarray:
        if not self.maps:
            return np.asarray(found)
        try:
            return np.array([[row[key] for key in self.keys] for row in found], dtype=np.float64)
        except KeyError as error:
            what = f"the output {self.output!r} gives no probability for the class {error.args[0]!r} on some rows"
            raise AnswerError(what, teacher=self.name) from error

    def _run(self, feed: dict[str, Any]) -> Any:
        try:
            return self.session.run([self.output], feed)[0]
        except LimbeckError as error:
            raise AnswerError(error.what, teacher=self.name, fix=error.fix) from error
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            said = " ".join(str(error).split())[:300]  # its second line says which size was expected
            raise AnswerError(f"onnxruntime: {said}", teacher=self.name) from error


def open_onnx(place: Place) -> Teacher:
    """Open an ONNX file as a teacher."""
    return Onnx(place)
