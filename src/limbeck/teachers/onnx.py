"""``onnx:FILE``: any ONNX classifier of named numeric columns or of one text, checked before it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.bundle.classifier import open_session
from limbeck.errors import did_you_mean, first_line
from limbeck.files import sha256
from limbeck.teachers.base import AnswerError, Answers, Place, Teacher
from limbeck.teachers.cells import numbers, texts
from limbeck.teachers.labels import LabelMap, probabilities

_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(string)": str}


class Onnx:
    """An ONNX file as a teacher.

    Its one input takes [N, F] floats of the columns in ``input``, or [N] or [N, 1] strings of one column. A model
    with several inputs gets ``options.inputs``, a table of input name -> column or list of columns.
    """

    block = 4096

    def __init__(self, place: Place) -> None:
        known = {"classes": [], "inputs": {}, "output": "", "gives": "probabilities"}
        options = place.options(known)
        path: Path = place.file()
        self.name, self.classes = place.spec.name, place.classes
        self.gives = place.one_of("gives", options["gives"], ("probabilities", "logits"))
        self.session = open_session(path)
        self.inputs = self._inputs(options["inputs"], place)
        self.columns = tuple(dict.fromkeys(column for _, columns in self.inputs for column in columns))
        self.output = self._output(options["output"], place)
        self.labels = LabelMap(options["classes"] or place.classes, place)
        self.fingerprint = place.fingerprint(sha256(path), self.columns)

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

    def _output(self, wanted: str, place: Place) -> str:
        given = {node.name: node for node in self.session.get_outputs()}
        if wanted and wanted not in given:
            raise place.wrong(f"the model has no output {wanted!r}", did_you_mean(wanted, given))
        floats = [name for name, node in given.items() if node.type in ("tensor(float)", "tensor(double)")]
        if not wanted and len(floats) != 1:
            what = f"the model has {len(floats)} outputs of floats among {list(given)}"
            raise place.wrong(what, "name one in options.output (scikit-learn: convert with zipmap=False)")
        return wanted or floats[0]

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; a row with an empty text is an abstention, an empty number is NaN to the model."""
        there = np.ones(rows.height, dtype=bool)
        feed = {}
        for node, columns in self.inputs:
            kind = _TYPES[node.type]
            if kind is str:
                values, filled = texts(rows, columns[0], self.name)
                array = np.array(values, dtype=object)
                there &= filled
            else:
                array = numbers(rows, columns, self.name)
                if kind is np.int64:
                    there &= ~np.isnan(array).any(axis=1)
                    array = np.nan_to_num(array)
                array = array.astype(kind)
                array = array[:, 0] if len(node.shape) == 1 else array
            feed[node.name] = array.reshape(-1, 1) if len(node.shape) == 2 and array.ndim == 1 else array
        try:
            scores = np.asarray(self.session.run([self.output], feed)[0])
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise AnswerError(f"onnxruntime: {first_line(error)}", teacher=self.name) from error
        if len(scores) != rows.height:
            raise AnswerError(f"it answered {len(scores)} of {rows.height} rows", teacher=self.name)
        answers = probabilities(scores, self.gives)
        answers[~there] = np.nan
        return self.labels(answers, self.name)


def open_onnx(place: Place) -> Teacher:
    """Open an ONNX file as a teacher."""
    return Onnx(place)
