"""The kinds of jobs. An app adds its own: its AppConfig lists them as ``job_kinds``, and nothing else changes.

The queue, its leases and its pages know no kind by name. A kind of job is told apart by its name in the database, so a
new one needs no migration.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from limbeck.studio.jobs.models import Job

WAITING = ("", _("Waiting for a worker"))


@dataclass(frozen=True)
class JobKind:
    """What the queue and its pages need to know of a kind of job.

    Parameters
    ----------
    name
        At most 30 characters; stored with each job.
    label
        What people read.
    stages
        Names (at most 20 characters) and labels, in the order in which a job goes through them. One that is run again
        begins at the first.
    run
        ``module:function``. Called with the job and its `limbeck.studio.jobs.worker.Context`; returns what the page of
        the finished job needs, where ``rows`` and ``rejected`` are shown in the list. It may be called again after a
        killed worker and then goes on where that one stopped. A LimbeckError is shown to the person.
    template
        What the page shows of a finished job below its card; none where it is empty.
    summary
        ``module:function``. Called with the finished job; returns the context of the template.
    live
        ``module:function``. Called with a running job; returns lines that its card shows below the progress.
    """

    name: str
    label: Promise
    stages: tuple[tuple[str, Promise], ...]
    run: str
    template: str = ""
    summary: str = ""
    live: str = ""

    def place(self, stage: str) -> int:
        """Return how far a stage is in the order, 0 for a waiting job, -1 for a name that is not a stage."""
        names = [WAITING[0], *(name for name, _label in self.stages)]
        return names.index(stage) if stage in names else -1

    def stage_label(self, stage: str) -> str:
        """Return what people read for a stage."""
        return str(dict((WAITING, *self.stages)).get(stage, stage))

    def do(self, job: Job, context: Any) -> dict[str, Any]:
        """Run a job of this kind."""
        found: dict[str, Any] = _function(self.run)(job, context)
        return found

    def summary_of(self, job: Job) -> dict[str, Any]:
        """Return the context of the template for a finished job."""
        found: dict[str, Any] = _function(self.summary)(job) if self.summary else {}
        return found

    def lines_of(self, job: Job) -> list[str]:
        """Return what the card of a running job shows below its progress."""
        found: list[str] = _function(self.live)(job) if self.live else []
        return found


@cache
def job_kinds() -> dict[str, JobKind]:
    """Return the kinds of all apps of the site by their names.

    Raises
    ------
    ValueError
        Where two apps have a kind of one name.
    """
    found: dict[str, JobKind] = {}
    for app in apps.get_app_configs():
        for kind in getattr(app, "job_kinds", ()):
            if kind.name in found:
                raise ValueError(f"two kinds of jobs are named {kind.name}")
            found[kind.name] = kind
    return found


def kind_of(job: Job) -> JobKind | None:
    """Return the kind of a job; None where no app of the site has it any more."""
    return job_kinds().get(job.kind)


def _function(name: str) -> Any:
    module, _colon, function = name.partition(":")
    return getattr(import_module(module), function)
