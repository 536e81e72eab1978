"""How items are handed out: the policy of a model, assignments, and gold rows."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.review.models.items import DISAGREEMENT, ERROR, MARGIN, Item

LEARNING = "learning"
ORDERS = [
    (LEARNING, _("Active learning")),
    (MARGIN, _("Least certain first")),
    (DISAGREEMENT, _("Models disagree")),
    (ERROR, _("Suspected label error")),
]
_SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class Policy(models.Model):
    """How the answers of a model are reviewed; a model without a row has the defaults.

    The order "learning" is that of `limbeck.monitoring.choose`. Until ``planning_until`` a worker chooses rows for it.
    ``audit_share`` is both the share of rows that get into the audit sample and the share of the queue that is served
    from it. ``double_share`` of the rows get two blind reviews. One item in ``gold_every`` is a gold row; 0 is none.
    """

    model = models.CharField(_("model"), max_length=100, unique=True)
    send_batches = models.BooleanField(_("Send new batches to review"), default=False)
    order = models.CharField(_("Order of the queue"), max_length=12, choices=ORDERS, default=LEARNING)
    audit_share = models.FloatField(_("Share of random audit"), default=0.2, validators=_SHARE)
    double_share = models.FloatField(_("Share with two blind reviews"), default=0.0, validators=_SHARE)
    gold_every = models.PositiveSmallIntegerField(
        _("One gold row in so many items (0: none)"), default=20, validators=[MaxValueValidator(1000)]
    )
    claim_minutes = models.PositiveSmallIntegerField(
        _("Minutes until an item goes back to the queue"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 60)],
    )

    planning_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.model)


class Planned(models.Model):
    """A waiting item that was chosen for the order "learning", its place, and why it was chosen."""

    item = models.OneToOneField(Item, models.CASCADE, primary_key=True, related_name="planned")
    model = models.CharField(max_length=100)
    turn = models.PositiveIntegerField()
    why = models.CharField(max_length=12)

    class Meta:
        indexes = [models.Index(fields=["model", "turn"], name="review_plan_turn")]

    def __str__(self) -> str:
        return f"{self.model} {self.turn} {self.item_id}"


class Assignment(models.Model):
    """Items that are reserved for one person: the first ``quota`` that pass a filter when it is made."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="assignments")
    model = models.CharField(_("model"), max_length=100)
    filter = models.JSONField(default=dict)
    quota = models.PositiveIntegerField(_("number of items"))
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.pk} {self.model} {self.quota}"


class Gold(models.Model):
    """A row whose label is known. Reviewers get it like any other item; what they answer measures them."""

    item = models.OneToOneField(Item, models.CASCADE, related_name="gold_row")
    model = models.CharField(max_length=100, db_index=True)
    label = models.CharField(_("class"), max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.item_id} {self.label}"


class LabelSeen(models.Model):
    """A person was shown the label of a gold row, which does not measure them any more."""

    gold = models.ForeignKey(Gold, models.CASCADE, related_name="seen")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gold", "person"], name="one_look_of_a_person")]

    def __str__(self) -> str:
        return f"{self.gold_id} {self.person_id}"
