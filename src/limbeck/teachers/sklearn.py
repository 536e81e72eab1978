"""``sklearn:FILE.skops``: a fitted scikit-learn classifier in skops form, never a pickle.

skops rebuilds objects from a list of types. Those it does not hold safe by itself are refused, unless ``options.trust``
names them; and only types of scikit-learn itself can be named so (its trees are compiled code that believes their
arrays). One more is safe: a ``numpy.dtype`` that skops reads off an empty array, as every SimpleImputer holds.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import first_line
from limbeck.files import sha256
from limbeck.process.quiet import without_warnings
from limbeck.teachers.base import AnswerError, Answers, Place, Teacher, heavy
from limbeck.teachers.columns import numbers, spread, texts
from limbeck.teachers.label_map import LabelMap, probabilities

_DTYPE = "numpy.dtype"


class Fitted:
    """A fitted scikit-learn classifier in memory, and how its answers become ours.

    One without `predict_proba` answers with the softmax of its decision function, which is not calibrated.

    Parameters
    ----------
    theirs
        Names of its classes, in order; its own classes as text when None.

    Raises
    ------
    LimbeckError
        When it is not fitted, gives no scores, or has a class that is none of ours.
    """

    def __init__(self, model: Any, place: Place, theirs: Sequence[str] | None = None) -> None:
        self.model, self.name = model, place.spec.name
        self.gives = "probabilities" if hasattr(model, "predict_proba") else "logits"
        if not hasattr(model, "classes_") or not hasattr(model, "predict"):
            raise place.wrong(f"a {type(model).__name__} is no fitted classifier", "fit it first")
        if self.gives == "logits" and not hasattr(model, "decision_function"):
            raise place.wrong("it has neither predict_proba nor decision_function", "wrap it in CalibratedClassifierCV")
        self.width: int | None = getattr(model, "n_features_in_", None)  # a vectoriser of texts has none
        self.named = [str(column) for column in getattr(model, "feature_names_in_", [])]
        self.labels = LabelMap(theirs or [str(label) for label in model.classes_], place)

    def ask(self, given: Any) -> NDArray[np.float64]:
        """Return [N, its classes] of rows as the model itself takes them; `labels` brings them into our classes."""
        method = self.model.predict_proba if self.gives == "probabilities" else self.model.decision_function
        try:
            with without_warnings():
                return probabilities(method(given), self.gives)
        except Exception as error:  # whatever a step of the pipeline raises, e.g. for a NaN
            raise AnswerError(f"scikit-learn: {first_line(error)}", teacher=self.name) from error


class Sklearn:
    """A skops file as a teacher: a text pipeline gets one text, another model its numeric columns."""

    def __init__(self, place: Place) -> None:
        path = place.file()
        self.name, self.classes, self.block = place.spec.name, place.classes, place.block(4096)
        self.fitted = Fitted(_load(path, place, place.options({"trust": []})["trust"]), place)
        self.width, self.named = self.fitted.width, self.fitted.named
        self.columns = place.columns(self.named or place.task.input)
        if len(self.columns) != (self.width or 1):
            what = f"it reads {self.width} numbers" if self.width else "it reads one column of text"
            raise place.wrong(
                f"{what}, but its input names {list(self.columns)}", "name its columns in input, in order"
            )
        self.fingerprint = place.fingerprint(sha256(path), self.columns, "float64")

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; an empty text is an abstention, an empty number is NaN to the model."""
        if not self.width:
            given, there = texts(rows, self.columns[0], self.name)
            asked = [text for text, is_there in zip(given, there, strict=True) if is_there]
            answers = self.fitted.ask(asked) if asked else np.empty((0, len(self.fitted.labels.theirs)))
            return self.fitted.labels(spread(answers, there), self.name)
        features = numbers(rows, self.columns, self.name)
        frame = pl.DataFrame(features, schema=self.named) if self.named else features
        return self.fitted.labels(self.fitted.ask(frame), self.name)


def _load(path: Path, place: Place, trust: list[str]) -> Any:
    io = heavy("skops.io", "a scikit-learn teacher")
    if path.suffix != ".skops":
        raise place.wrong(f"{path.name} is no skops file, and pickles are never opened", "save it with skops.io.dump")
    trust = [name for name in trust if name != _DTYPE]  # how it is read decides, below
    for name in trust:
        if not str(name).startswith("sklearn."):
            raise place.wrong(f"options.trust names {name!r}, which is not scikit-learn's own", "do not use this file")
    try:
        safe = [_DTYPE] if _plain_dtypes(path) else []
        unknown = [name for name in io.get_untrusted_types(file=path) if name not in (*trust, *safe)]
    except Exception as error:  # not a zip, no schema, a broken one: each has its own exception type
        what = f"{path.name} cannot be read: {first_line(error)}"
        raise place.wrong(what, "save it with skops.io.dump; pickles are never opened") from error
    if unknown:
        fix = "do not use this file"
        if all(name.startswith("sklearn.") for name in unknown):
            fix = f"if you made the file yourself, add options.trust = {unknown}"
        raise place.wrong(f"{path.name} holds types that are not safe by themselves: {', '.join(unknown)}", fix)
    try:
        with without_warnings():
            return io.load(path, trusted=[*trust, *safe])
    except Exception as error:  # another version's objects
        raise place.wrong(f"{path.name} cannot be loaded: {first_line(error)}", "dump it with this version") from error


def _plain_dtypes(path: Path) -> bool:
    """Return whether every ``numpy.dtype`` of a file is read off an array, and none is given a state of its own."""
    with zipfile.ZipFile(path) as archive:
        schema = json.loads(archive.read("schema.json"))
    return all(
        node.get("__loader__") == "DTypeNode"
        for node in _nodes(schema)
        if (node.get("__module__"), node.get("__class__")) == ("numpy", "dtype")
    )


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every table of a JSON value."""
    left = [schema]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield value
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def open_sklearn(place: Place) -> Teacher:
    """Open a skops file as a teacher."""
    return Sklearn(place)
