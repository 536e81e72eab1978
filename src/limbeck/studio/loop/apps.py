"""The app's name, and the kind of job that it adds."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.kinds import JobKind

TRAIN = JobKind(
    "train",
    _("Training"),
    (
        ("read", _("Reading the rows")),
        ("prepare", _("Preparing the rows")),
        ("compare", _("Comparing models")),
        ("teachers", _("Asking the teachers")),
        ("fit", _("Training")),
        ("export", _("Exporting and checking the model")),
        ("evaluate", _("Measuring")),
        ("add", _("Adding the model")),
    ),
    run="limbeck.studio.loop.training:run",
    template="loop/trained.html",
    summary="limbeck.studio.loop.training:summary",
    live="limbeck.studio.loop.training:live",
)


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.loop"
    label = "loop"
    job_kinds = (TRAIN,)
    chores = ("limbeck.studio.loop.automatic:look", "limbeck.studio.loop.shadowing:look")
