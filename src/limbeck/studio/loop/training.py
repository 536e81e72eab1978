"""A training job: a process of its own trains, this one listens to it and adds what it made to the registry.

The request is written when the job is made. A run that was killed is repeated from it: a finished bundle is not trained
again, and the registry takes the same version once. The trained process ends when this one does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from limbeck import registry
from limbeck.data.tables import read
from limbeck.errors import LimbeckError
from limbeck.events import Cancelled
from limbeck.files import whole_file, write_json
from limbeck.process.import_path import import_path
from limbeck.studio.audit.log import record
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.loop.models import Lineage
from limbeck.studio.registry.facts import version_of

REQUEST, PROGRESS, LOG, BUNDLE = "request.json", "progress.json", "training.log", "bundle"
STEP = 0.2  # seconds between two looks at whether to stop


def run(job: Job, context: Context) -> dict[str, Any]:
    """Train, add the bundle to the registry, and note where it came from."""
    bundle = job.folder / BUNDLE
    if not (bundle / "bundle.json").exists():
        train(job, context)
    context.tell("add", 0, 1)
    name, facts = job.parameters["model"], job.parameters["lineage"]
    model = registry.add(bundle, name)
    with transaction.atomic():
        lineage, new = Lineage.objects.get_or_create(
            model=model.name, version=model.version, defaults={**facts, "job": job, "created_by": job.created_by}
        )
        if new:
            details = {"published": model.current, "origin": lineage.origin}
            record("model.train", actor=job.created_by_id, target=f"model:{name}@{model.version}", **details)
    keep_rows(job, lineage)
    shutil.rmtree(bundle, ignore_errors=True)
    context.tell("add", 1, 1)
    return {"model": model.name, "version": model.version, "published": model.current}


def train(job: Job, context: Context) -> None:
    """Run the training process until it ends, or stop it when the job is to stop.

    Raises
    ------
    LimbeckError
        What the training could not do, or that its process ended without a word.
    """
    command = [sys.executable, "-P", "-m", "limbeck.training.child", str(job.folder / REQUEST)]
    result: dict[str, Any] = {}
    environment = os.environ | import_path() | {"LIMBECK_HOME": str(settings.HOME)}
    with (
        (job.folder / LOG).open("ab", buffering=0) as log,
        subprocess.Popen(  # noqa: S603 - this interpreter, a module of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=job.folder
        ) as child,
        _stopped_with(child, context),
    ):
        assert child.stdout is not None
        for line in child.stdout:
            try:
                sent = json.loads(line)
            except ValueError:
                sent = None
            if not isinstance(sent, dict):  # printed by a library
                log.write(line)
            elif "event" in sent:
                _heard(job, context, sent["event"])
            else:
                result = sent
    if context.token.cancelled:
        raise Cancelled("stopped before it was finished")
    if error := result.get("error"):
        raise LimbeckError(error["what"], where=error["where"], fix=error["fix"])
    if "done" not in result:
        text = _("The training ended unexpectedly (%(status)s); perhaps this machine has too little memory.")
        raise LimbeckError(
            text % {"status": child.returncode}, fix=_("Look into training.log in the folder of the job.")
        )


def keep_rows(job: Job, lineage: Lineage) -> None:
    """Keep the labelled rows for later versions, once."""
    source = job.folder / "input" / job.parameters["source"]
    if not lineage.label_column or lineage.rows_file.exists() or not source.is_file():
        return
    label, inputs = lineage.label_column, version_of(lineage.model, lineage.version).manifest.task.inputs
    frame = read.read(source).frame.filter(pl.col(label).is_not_null())
    frame = frame.select([name for name in frame.columns if name in (*inputs, label)])
    lineage.rows_file.parent.mkdir(mode=0o700, exist_ok=True)
    with whole_file(lineage.rows_file) as made:
        frame.write_parquet(made)
    Lineage.objects.filter(pk=lineage.pk).update(rows=frame.height)


def live(job: Job) -> list[str]:
    """Return what is shown of a running training: the last message, epoch, loss, and an estimate of what is left."""
    try:
        progress = json.loads((job.folder / PROGRESS).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    figures = progress.get("figures", {})
    lines = [progress["message"]] if progress.get("message") else []
    if "epoch" in figures:
        lines.append(
            _("Epoch %(epoch)d of %(epochs)d") % {"epoch": figures["epoch"], "epochs": figures.get("epochs", 0)}
        )
    if figures.get("train_loss") is not None:
        lines.append(_("Training loss %(loss).3f") % {"loss": figures["train_loss"]})
    if figures.get("seconds_left") is not None:
        lines.append(_("About %(seconds)d seconds left in this step") % {"seconds": figures["seconds_left"]})
    return lines


def summary(job: Job) -> dict[str, Any]:
    """Return what the page of a finished job shows: the version, where it is still there."""
    try:
        return {"version": version_of(job.result["model"], job.result["version"])}
    except (LimbeckError, KeyError):
        return {"version": None}


def _heard(job: Job, context: Context, event: dict[str, Any]) -> None:
    context.tell(event["stage"], event["done"], event["total"])
    write_json(job.folder / PROGRESS, {"figures": event["figures"], "message": (event["message"] or "")[-500:]})


@contextmanager
def _stopped_with(child: subprocess.Popen[bytes], context: Context) -> Iterator[None]:
    """Close the child's standard input, by which it is asked to stop, as soon as the job is to stop, or fails here."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(STEP) and not context.token.cancelled:
            pass
        assert child.stdin is not None
        child.stdin.close()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def write_request(folder: Path, **request: Any) -> None:
    """Write what the training process is asked for: arguments of `limbeck.training.train.train`."""
    write_json(folder / REQUEST, {"out": str(folder / BUNDLE), **request})
