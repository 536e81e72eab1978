"""The app's name, what it listens to, and its chores."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_save


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.notices"
    label = "notices"
    chores = ("limbeck.studio.notices.deliver:deliver", "limbeck.studio.notices.deliver:remove_old")

    def ready(self) -> None:
        """Listen to the audit log and to ends of jobs."""
        from limbeck.studio.audit.models import Entry
        from limbeck.studio.jobs.signals import ended
        from limbeck.studio.notices.outbox import act_recorded, job_ended

        post_save.connect(act_recorded, sender=Entry, dispatch_uid="notices")
        ended.connect(job_ended, dispatch_uid="notices")
