"""The app's name, its chore and its kind of job."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.kinds import JobKind

RULES = JobKind(
    "rules",
    _("List of words"),
    (("rules", _("Comparing items")),),
    run="limbeck.studio.opinions.applying:run",
)


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.opinions"
    label = "opinions"
    chores = ("limbeck.studio.opinions.second:ask_after_people",)
    job_kinds = (RULES,)
