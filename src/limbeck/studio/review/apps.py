"""The app's name, the kinds of jobs that it adds, and what it hears from detection."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.kinds import JobKind

ADD = JobKind(
    "review_add",
    _("Answers to review"),
    (("add", _("Adding items")),),
    run="limbeck.studio.review.services.adding.send:run",
    template="review/sent.html",
)
BULK = JobKind(
    "review_bulk",
    _("Bulk acceptance"),
    (("accept", _("Accepting items")),),
    run="limbeck.studio.review.services.answers.bulk:run",
    template="review/accepted.html",
)
LABEL_ERRORS = JobKind(
    "label_errors",
    _("Search for label errors"),
    (("look", _("Looking at reviewed rows")),),
    run="limbeck.studio.review.services.quality.label_errors:run",
    template="review/suspects_found.html",
)


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.review"
    label = "review"
    job_kinds = (ADD, BULK, LABEL_ERRORS)
    chores = ("limbeck.studio.review.services.queue.learning:choose_ahead",)

    def ready(self) -> None:
        """Listen for finished batches."""
        from limbeck.studio.detection.signals import batch_stored
        from limbeck.studio.review.services.adding.send import after_batch

        batch_stored.connect(after_batch, dispatch_uid="review")
