"""The app's name, and the kind of job that it adds."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.kinds import JobKind

BATCH = JobKind(
    "batch",
    _("Batch of rows"),
    (("prepare", _("Reading the rows")), ("predict", _("Answering rows")), ("store", _("Storing answers"))),
    run="limbeck.studio.detection.batches.run:run",
    template="detection/batch_result.html",
    summary="limbeck.studio.detection.batches.downloads:summary",
)


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.detection"
    label = "detection"
    job_kinds = (BATCH,)
