"""The app's name, the job that deletes what is old, and the chore that starts it each day."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.kinds import JobKind

RETENTION = JobKind(
    "retention",
    _("Deletion of old data"),
    (
        ("items", _("Deleting items")),
        ("answers", _("Deleting answers")),
        ("jobs", _("Deleting jobs")),
        ("files", _("Deleting files")),
    ),
    run="limbeck.studio.operations.retention:run",
    template="operations/retained.html",
)


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.operations"
    label = "operations"
    job_kinds = (RETENTION,)
    chores = (
        "limbeck.studio.operations.retention:start_daily",
        "limbeck.studio.operations.planner_statistics:refresh",
    )
