"""A batch: the rows of uploaded files answered by `limbeck.predict`, then stored; each exactly once.

Both steps go on where a killed worker left them. `limbeck.predict` keeps a journal beside its output. The answers are
stored in order, a chunk in a transaction, so the number of those that are stored says where to go on.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from django.db import transaction

from limbeck.bundle.answer import margins
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import Manifest
from limbeck.bundle.prediction.predict import predict
from limbeck.bundle.prediction.predict_files import Run
from limbeck.events import check, told
from limbeck.kinds import KINDS
from limbeck.studio.detection.models import Prediction
from limbeck.studio.detection.signals import batch_stored
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.registry.facts import in_columns, version_of

CHUNK = 500  # rows of a transaction: other writers get their turn between two
ANSWERS = "answers.parquet"
GIVEN = "input."  # before the name of a column of the uploaded table


def run(job: Job, context: Context) -> dict[str, Any]:
    """Answer the uploaded rows and store the answers; return how many there are of each class."""
    asked = job.parameters
    version = version_of(asked["model"], asked["version"])
    output = job.folder / ANSWERS
    with Classifier(version.path) as classifier:
        if column := asked.get("column"):
            wanted = classifier.manifest.task.inputs[0]
            classifier.manifest = classifier.manifest.model_copy(
                update={"columns": {**classifier.manifest.columns, column: wanted}}
            )
        manifest = classifier.manifest
        if not output.exists():
            context.tell("prepare", 0, None)
            source = job.folder / "input" / asked["source"] if asked.get("source") else job.folder / "input"
            columns = _columns(classifier, source, output)
            predict(
                classifier, source, output, columns=columns, quiet=True, progress=context.listen, cancel=context.token
            )
    with told(None, context.token):
        stored = store(job, output, manifest, context)
    batch_stored.send(sender=Job, job=job)
    rejects = output.with_name(f"{ANSWERS}.rejected.csv")
    rejected = pl.scan_csv(rejects).select(pl.len()).collect().item() if rejects.exists() else 0
    counts = {
        name: Prediction.objects.filter(job=job, label=name).count() for name in manifest.classes
    }  # fmt: skip
    return {"rows": stored, "rejected": int(rejected), "counts": counts}


def _columns(classifier: Classifier, source: Path, output: Path) -> list[str]:
    """Return the columns of the output: where a row is from, the columns that were given, the answer."""
    run = Run(classifier, source, output, None, None, quiet=True)
    names = [f"{GIVEN}{name}" for name in run.inputs.names()]
    return ["row", "file", *names, "class", "probability", *(f"p:{name}" for name in classifier.classes)]


def store(job: Job, output: Path, manifest: Manifest, context: Context) -> int:
    """Store the answers in the database, from where an earlier run stopped; return how many there are."""
    frame = pl.scan_parquet(output)
    total = int(frame.select(pl.len()).collect().item())
    stored = Prediction.objects.filter(job=job).count()
    while stored < total:
        context.tell("store", stored, total)
        check()
        part = frame.slice(stored, CHUNK * 20).collect()
        for chunk in part.iter_slices(CHUNK):
            check()
            with transaction.atomic():
                Prediction.objects.bulk_create(_predictions(job, manifest, chunk, stored))
            stored += chunk.height
            context.tell("store", stored, total)
    return stored


def _predictions(job: Job, manifest: Manifest, chunk: pl.DataFrame, first: int) -> list[Prediction]:
    names = [f"p:{name}" for name in manifest.classes]
    p = chunk.select(names).to_numpy().astype(np.float32)
    margin = margins(p, manifest.positive, manifest.threshold)
    version = job.parameters["version"]
    contents = _contents(manifest, chunk)
    return [
        Prediction(
            created_by_id=job.created_by_id,
            job=job,
            position=first + at,
            row=row["row"],
            model=job.parameters["model"],
            version=version,
            kind=manifest.task.rows,
            content=contents[at],
            label=row["class"],
            probability=row["probability"],
            margin=float(margin[at]),
            probabilities={name: _finite(row[f"p:{name}"]) for name in manifest.classes},
            threshold=manifest.threshold,
        )
        for at, row in enumerate(chunk.select("row", "class", "probability", *names).iter_rows(named=True))
    ]


def _contents(manifest: Manifest, chunk: pl.DataFrame) -> list[str]:
    """Return how each row is kept: its text, or its columns as JSON."""
    given = [name for name in chunk.columns if name.startswith(GIVEN)]
    if KINDS[manifest.task.rows].one_text:
        return [str(text) for text in chunk[f"{GIVEN}{manifest.task.inputs[0]}"].to_list()]
    wanted = [
        name for name in given if not in_columns(manifest.task.rows) or name.removeprefix(GIVEN) in manifest.task.inputs
    ]
    rows = chunk.select("file", *wanted).iter_rows(named=True)
    contents = [{name.removeprefix(GIVEN): cell for name, cell in row.items()} for row in rows]
    return [json.dumps(content, ensure_ascii=False, default=str) for content in contents]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
