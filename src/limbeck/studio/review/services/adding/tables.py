"""The first rows of a table, answered and put under review as a site starts: what the demo shows in the queue."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from limbeck.data.tables.read import read
from limbeck.errors import LimbeckError
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.registry.facts import version_of
from limbeck.studio.review.models import Item
from limbeck.studio.review.services.adding.add import Added, add_items

MOST = 2000  # rows


def review_table(model: str, table: Path) -> Added:
    """Answer the first rows of a table with a model and put them under review; rows that are there stay as they are.

    Raises
    ------
    LimbeckError
        When the table cannot be read, lacks the columns that the model reads, or the model reads no tables.
    """
    version = version_of(model)
    names = list(version.manifest.task.inputs)
    if not (version.one_text or version.cells):
        raise LimbeckError("this model reads files, not rows of a table", where=table)
    frame = read(table).frame
    if missing := [name for name in names if name not in frame.columns]:
        raise LimbeckError(f"the table has no column {missing[0]!r}", where=table)
    rows = frame.select(names).head(MOST).cast(pl.String)
    values = rows[names[0]].to_list() if version.one_text else rows
    answers = classifier_of(version).answer(values).to_dicts()
    contents = values if version.one_text else [json.dumps(row, ensure_ascii=False) for row in rows.to_dicts()]
    return add_items(
        (
            Item(
                key=f"table:{table.name[-60:]}:{at}", source="import", row=at, kind=version.kind, content=content,
                model=model, version=version.version, label=told["label"], probability=told["probability"],
                probabilities=told["probabilities"], margin=told["margin"],
            )
            for at, (content, told) in enumerate(zip(contents, answers, strict=True), 1)
            if told["label"] is not None
        ),
        by=None,
    )  # fmt: skip
