"""An item: one row under review, with what a model answered, how far its review is, and why it was drawn.

The indexes make the queue and the list cost the same with a thousand items as with a million: each order in which
items are served or listed is the end of an index whose beginning is what they are filtered by. Links have no index of
their own, as one of these begins with each of them.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.models import Job

PREDICTED, CLAIMED, REVIEWED, ADJUDICATED = "predicted", "claimed", "reviewed", "adjudicated"
STATES = [
    (PREDICTED, _("Waiting")),
    (CLAIMED, _("In review")),
    (REVIEWED, _("Reviewed")),
    (ADJUDICATED, _("Adjudicated")),
]
POOL, AUDIT, ASSIGNED, ANOTHER = "pool", "audit", "assigned", "another"
LANES = [
    (POOL, _("Chosen by the order of the queue")),
    (AUDIT, _("Random audit")),
    (ASSIGNED, _("Assigned")),
    (ANOTHER, _("Waits for another person")),
]
SOURCES = [("batch", _("Batch")), ("detect", _("Single answer")), ("import", _("Import"))]
MARGIN, DISAGREEMENT, ERROR, RANDOM, SPREAD = "margin", "disagreement", "error", "random", "spread"
RULES = [
    ("", "–"),
    (MARGIN, _("Least certain first")),
    (DISAGREEMENT, _("Models disagree")),
    (ERROR, _("Suspected label error")),
    (RANDOM, _("Random audit")),
    (SPREAD, _("Spread over all kinds of rows")),
]


class Item(models.Model):
    """A row under review. ``content`` and ``file`` are those of a `limbeck.studio.detection.models.Prediction`.

    ``key`` names where the row is from, so that it is added once: ``prediction:5``, ``import:7:120``.
    ``margin`` is 0 to 1, 0 where no model answered. ``disagreement`` (0 to 1) is that between the models in ``others``
    and this one. ``given`` is a label that came with the data; ``suspicion`` is 1 - p(given).

    A row gets into the audit sample with the probability ``inclusion`` when it is added, and stays in it (``audit``).
    ``draw``, uniform on [0, 1), is the random order of that sample. Rows of the sample are served in this order alone,
    so the reviewed ones are a random sample of all rows, however the other rows were chosen.
    """

    created_at = models.DateTimeField(_("added"), default=timezone.now)
    key = models.CharField(max_length=100, unique=True, null=True)
    source = models.CharField(_("source"), max_length=10, choices=SOURCES, default="batch")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, db_index=False, related_name="items")
    row = models.BigIntegerField(_("row"), null=True)
    kind = models.CharField(_("kind"), max_length=20)
    content = models.TextField(_("content"))
    file = models.CharField(max_length=300, blank=True)
    digest = models.CharField(max_length=32, db_index=True)
    extra = models.JSONField(default=dict)

    model = models.CharField(_("model"), max_length=100)
    version = models.CharField(_("version"), max_length=16, blank=True)
    label = models.CharField(_("class"), max_length=200, blank=True)
    probability = models.FloatField(_("probability"), null=True)
    probabilities = models.JSONField(default=dict)
    margin = models.FloatField(_("margin"), default=0.0)
    explanation = models.JSONField(null=True)
    others = models.JSONField(default=list)
    disagreement = models.FloatField(default=0.0)
    given = models.CharField(_("given label"), max_length=200, blank=True)
    suspicion = models.FloatField(default=0.0)

    state = models.CharField(_("state"), max_length=12, choices=STATES, default=PREDICTED)
    lane = models.CharField(max_length=10, choices=LANES, default=POOL)
    rule = models.CharField(_("drawn by"), max_length=12, choices=RULES, blank=True)
    audit = models.BooleanField(_("audit sample"), default=False)
    inclusion = models.FloatField(default=0.0)
    draw = models.FloatField(default=0.0)
    wanted = models.PositiveSmallIntegerField(default=1)
    answers = models.PositiveSmallIntegerField(default=0)
    disputed = models.BooleanField(_("disputed"), default=False)
    assignment = models.ForeignKey(
        "review.Assignment", models.SET_NULL, null=True, db_index=False, related_name="items"
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, db_index=False, related_name="claims"
    )
    claimed_until = models.DateTimeField(null=True)

    final_label = models.CharField(_("final label"), max_length=200, blank=True)
    final_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, db_index=False, related_name="finals"
    )
    reviewed_at = models.DateTimeField(_("reviewed"), null=True)

    class Meta:
        ordering = ("-pk",)
        indexes = [
            models.Index(fields=["model", "state", "lane", "margin", "id"], name="review_by_margin"),
            models.Index(fields=["model", "state", "lane", "-disagreement", "id"], name="review_by_disagreement"),
            models.Index(fields=["model", "state", "lane", "-suspicion", "id"], name="review_by_suspicion"),
            models.Index(fields=["model", "state", "lane", "draw", "id"], name="review_by_draw"),
            models.Index(fields=["assignment", "state", "margin", "id"], name="review_by_assignment"),
            models.Index(fields=["state", "claimed_until"], name="review_by_claim"),
            models.Index(fields=["claimed_by", "state"], name="review_by_claimant"),
            models.Index(fields=["state", "margin", "id"], name="review_list_margin"),
            models.Index(fields=["state", "label", "margin", "id"], name="review_list_label"),
            models.Index(fields=["job", "state", "margin", "id"], name="review_list_job"),
            models.Index(fields=["final_by", "reviewed_at", "id"], name="review_list_person"),
            models.Index(fields=["reviewed_at", "id"], name="review_list_reviewed"),
            models.Index(fields=["label", "margin", "id"], name="review_list_all"),
            models.Index(fields=["label", "state", "id"], name="review_list_class"),
            models.Index(fields=["source", "id"], name="review_list_source"),
            models.Index(fields=["model", "id"], name="review_list_model"),
            models.Index(fields=["model", "state", "id"], name="review_list_model_state"),
            models.Index(fields=["model", "label", "state", "id"], name="review_list_model_class"),
            models.Index(fields=["job", "id"], name="review_list_job_newest"),
            models.Index(fields=["final_by", "id"], name="review_list_person_newest"),
            models.Index(fields=["disputed", "state", "id"], name="review_list_disputed"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.model} {self.state}"

    @property
    def done(self) -> bool:
        """Whether it has a final label."""
        return self.state in (REVIEWED, ADJUDICATED)
