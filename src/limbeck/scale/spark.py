"""Rows answered inside Spark: a function for `DataFrame.mapInArrow`.

    answers = Answers("bundles/sentiment", columns=["id", "label", "probability"])
    frame.mapInArrow(answers, answers.schema(dict(frame.dtypes))).write.parquet("out")

Spark cuts the rows, moves them, tries a task again and commits what it wrote; Limbeck answers the batches. A row that
has no answer keeps its place, with the reason in the column ``error``. The bundle has to lie at the same path on every
executor. Answers are those of `limbeck.predict` up to the last bit of a probability, as Spark cuts other batches.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.prediction.predict_rows import ERROR, ROW, SET, answer_rows
from limbeck.errors import LimbeckError, needing
from limbeck.model_names import model_path

if TYPE_CHECKING:
    import pyarrow

_TYPES = {ROW: "bigint", "label": "string", "class": "string", "probability": "float", ERROR: "string", SET: "string"}


class Answers:
    """Answers record batches; small, and pickled by Spark without the model, which each worker opens once.

    Parameters
    ----------
    bundle
        Its folder, the same on all executors.
    columns
        As for `limbeck.predict`, ``error`` too, but for ``row`` and ``file``: a batch knows neither.
    sets
        Coverage of prediction sets; adds the column ``set``.

    Raises
    ------
    LimbeckError
        For a folder that is no bundle, or a column that a batch does not know.
    """

    def __init__(self, bundle: str | Path, columns: Sequence[str], sets: float | None = None) -> None:
        if odd := {ROW, "file"} & set(columns):
            raise LimbeckError(
                f"a batch of Spark knows no {min(odd)}", where="columns", fix="write a column with an id"
            )
        self.bundle, self.sets = str(model_path(bundle).resolve()), sets
        self.columns = [*columns, *([SET] if sets is not None and SET not in columns else [])]
        classifier = _opened(self.bundle, None)
        self.hashes = json.dumps(sorted(classifier.manifest.files.items()))

    def schema(self, types: Mapping[str, str]) -> str:
        """Return the columns of the answers as Spark's DDL.

        Parameters
        ----------
        types
            Name -> type of the input's columns: ``dict(frame.dtypes)``.
        """
        made = []
        for name in self.columns:
            kind = "float" if name.startswith("p:") else _TYPES.get(name) or types.get(name.removeprefix("input."))
            if kind is None:
                raise LimbeckError(f"there is no column {name!r} to write", where="columns", fix="check its name")
            made.append(f"`{name.replace('`', '``')}` {kind}")
        return ", ".join(made)

    def __call__(self, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Yield the answers to record batches, a row for each row.

        Raises
        ------
        LimbeckError
            Where this executor's bundle is another one than the driver's.
        """
        with needing("pyarrow", "remote", "Spark"):
            import pyarrow as arrow
        classifier = _opened(self.bundle, self.hashes)
        for batch in batches:
            frame = pl.DataFrame(arrow.Table.from_batches([batch]))
            found, _ = answer_rows(classifier, frame, self.columns, quiet=True, sets=self.sets)
            table = found.to_arrow(compat_level=pl.CompatLevel.oldest())
            plain = [_plain(field) for field in table.schema]
            yield from table.cast(arrow.schema(plain)).to_batches()


@lru_cache(maxsize=1)
def _opened(bundle: str, hashes: str | None) -> Classifier:
    classifier = Classifier(bundle, threads=1)
    if hashes is not None and json.dumps(sorted(classifier.manifest.files.items())) != hashes:
        fix = "copy the driver's bundle to every executor"
        raise LimbeckError("this executor has another bundle than the driver", where=bundle, fix=fix)
    return classifier


def _plain(field: pyarrow.Field) -> pyarrow.Field:
    """Return a field with the short strings and bytes that Spark has."""
    import pyarrow

    short = {pyarrow.large_string(): pyarrow.string(), pyarrow.large_binary(): pyarrow.binary()}
    return field.with_type(short.get(field.type, field.type))
