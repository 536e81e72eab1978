"""The Open Inference Protocol, version 2: ``http:http://host:8000/v2/models/NAME``.

One request holds ``batch_size`` rows: a BYTES tensor [n] of texts, or an FP32 tensor [n, F] of named numeric columns.
The answer is an output tensor [n, C] of probabilities or logits, flat or nested; null is an abstention.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.teachers.base import Answers, Place
from limbeck.teachers.columns import numbers, texts
from limbeck.teachers.http.client import Client
from limbeck.teachers.http.parallel import ask_all
from limbeck.teachers.label_map import LabelMap, probabilities

_KNOWN: dict[str, Any] = {
    "api": "v2", "model": "", "classes": [], "gives": "probabilities", "tensor": "", "datatype": "", "output": "",
    "version": "", "key_env": "", "parallel": 4, "backoff": 0.5,
}  # fmt: skip
_BESIDE = 16 << 10  # bytes a row of outputs that are not asked for
_NOT_ANSWERS = {"key_env", "parallel", "backoff"}  # options that change how it is asked, not what it says


class Infer:
    """A model of an Open Inference Protocol server as a teacher."""

    def __init__(self, place: Place) -> None:
        options = place.options(_KNOWN)
        self.name, self.classes, self.options = place.spec.name, place.classes, options
        self.gives = place.one_of("gives", options["gives"], ("probabilities", "logits"))
        base = place.place.rstrip("/").removesuffix("/infer")
        if "/models/" not in base:
            if not options["model"]:
                raise place.wrong(f"{base} names no model", "add /v2/models/NAME, or say options.model")
            base = f"{base.removesuffix('/v2')}/v2/models/{options['model']}"
        self.url, self.batch = base, place.spec.batch_size
        self.block = self.batch * max(1, options["parallel"]) * 2
        self.columns = place.columns(place.task.input)
        reads = place.spec.input if place.spec.input is not None else place.task.input
        self.text = options["datatype"] == "BYTES" or (not options["datatype"] and isinstance(reads, str))
        if self.text and len(self.columns) != 1:
            raise place.wrong(f"it reads one column of text, not {list(self.columns)}", "name one in its input")
        self.labels = LabelMap(options["classes"] or place.classes, place)
        self.client = Client(place, key_env=options["key_env"], backoff=options["backoff"])
        kept = {key: value for key, value in options.items() if key not in _NOT_ANSWERS}
        self.fingerprint = place.fingerprint(self.url, self.columns, self.text, options=kept)
        self._tensor: str = options["tensor"]

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; rows with an empty cell are not sent, and are abstentions."""
        given: Any
        if self.text:
            cells, there = texts(rows, self.columns[0], self.name)
            given = np.array(cells, dtype=object)
        else:
            given = numbers(rows, self.columns, self.name, np.float32)
            there = np.isfinite(given).all(axis=1)  # JSON has no NaN
        asked = np.flatnonzero(there)
        parts = [asked[at : at + self.batch] for at in range(0, len(asked), self.batch)]
        if parts:
            self._input()  # once, before the requests go out together
        parallel = self.options["parallel"]
        return ask_all(
            parts, lambda part: self._ask(given[part]), self.labels, rows=rows.height, parallel=parallel, name=self.name
        )

    def _ask(self, given: NDArray[Any]) -> NDArray[np.float64]:
        kind = "BYTES" if self.text else self.options["datatype"] or "FP32"
        tensor = {"name": self._input(), "shape": list(given.shape), "datatype": kind, "data": given.ravel().tolist()}
        body: dict[str, Any] = {"inputs": [tensor]}
        if self.options["output"]:
            body["outputs"] = [{"name": self.options["output"]}]
        # A number has 64 bytes at most, and an output that is not asked for may stand beside.
        most = len(given) * (_BESIDE + 64 * len(self.labels.theirs))
        return self._read(self.client.post(f"{self.url}/infer", body, most=most), len(given))

    def _input(self) -> str:
        """Return the input tensor's name: the option, or what the server says of the model."""
        if not self._tensor:
            said = self.client.get(self.url)
            inputs = said.get("inputs") if isinstance(said, dict) else None
            first = inputs[0] if isinstance(inputs, list) and inputs else None
            name = first.get("name") if isinstance(first, dict) else None
            if not isinstance(name, str) or not name:
                what = f"{self.client.shown(self.url)} does not say what its inputs are called"
                raise LimbeckError(what, where=self.client.where, fix="say it in options.tensor")
            self._tensor = name
        return self._tensor

    def _read(self, reply: Any, rows: int) -> NDArray[np.float64]:
        outputs = reply.get("outputs") if isinstance(reply, dict) else None
        wanted = [
            output
            for output in (outputs if isinstance(outputs, list) else [])
            if isinstance(output, dict) and self.options["output"] in ("", output.get("name"))
        ]
        if not wanted:
            what = "the answer holds no output" + f" {self.options['output']!r}" * bool(self.options["output"])
            raise LimbeckError(what, where=self.client.where, fix="is it an Open Inference Protocol server?")
        try:
            scores = np.array(wanted[0]["data"], dtype=np.float64).ravel()  # null becomes NaN
            shape = tuple(int(size) for size in wanted[0]["shape"])
            scores = scores.reshape(shape)
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            name = self.client.shown(repr(wanted[0].get("name")), 60)
            what = f"the output {name} is no array of numbers of its shape"
            raise LimbeckError(what, where=self.client.where, fix="name another in options.output") from error
        if len(scores) != rows:
            raise LimbeckError(f"it answered {len(scores)} of {rows} rows", where=self.client.where)
        answers = probabilities(scores, self.gives, exclusive=self.labels.exclusive)
        if answers.shape != (rows, len(self.labels.theirs)):
            what = f"the output has the shape {list(shape)} for {len(self.labels.theirs)} classes"
            raise LimbeckError(what, where=self.client.where, fix="say its classes in options.classes, in order")
        return answers
