"""The sections on what comes after training: thresholds and metrics, the bundle, the search."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from limbeck.errors import LimbeckError
from limbeck.recipe.amounts import bytes_of
from limbeck.recipe.base import Section
from limbeck.recipe.training import Adversary

_DIFFERING = ("input", "student", "relevance", "objective", "training")


class Sensitivity(Section):
    """A threshold by what must not be missed: the highest that finds this share of the positive rows of valid."""

    sensitivity: float = Field(gt=0, lt=1)


class AttackLevel(Section):
    """A threshold rule: the APCER of the worst species of attack that ``valid`` is held to."""

    apcer: float = Field(gt=0, lt=1)


class Attacks(Section):
    """Which of two classes is the real thing, and which column names the kind of attack (ISO/IEC 30107-3)."""

    bona_fide: str = Field(min_length=1, description="the class of live presentations; the other one is attacks")
    species: str | None = Field(default=None, description="column with the kind of attack; without it all are one")


class LeaveOut(Section):
    """Where temperature and threshold come from: rows of groups that the student is trained without, in turn."""

    group: str | None = Field(
        default=None, description="column of what is left out: patient, session, source; none: rows by themselves"
    )
    folds: int = Field(default=5, ge=2, le=20, description="students that are trained; at most one for each group")
    optional: bool = Field(default=False, description="use valid where the column is absent or has one group only")


class Evaluation(Section):
    """How the finished student is evaluated."""

    threshold: Literal["macro_f1", "f1", "accuracy", "eer"] | float | AttackLevel | Sensitivity = "macro_f1"
    leave_out: LeaveOut | None = Field(
        default=None, description="choose temperature and threshold on groups left out in turn, not on valid"
    )
    slices: list[str] = Field(default=[], description="columns by which the worst slices are sought")
    group: str | None = Field(default=None, description="bootstrap whole groups of this column; empty for none")
    bootstrap: int = Field(default=1000, ge=0, le=20000)
    baseline: bool = True
    adversary: Adversary | None = Field(default=None, description="of pictures: measure accuracy under it too")
    attacks: Attacks | None = Field(default=None, description="evaluate by ISO/IEC 30107-3 too")
    pictures: bool = Field(default=False, description="small copies of the worst errors in the report")

    @model_validator(mode="after")
    def _attacks_are_named(self) -> Evaluation:
        if isinstance(self.threshold, AttackLevel) and self.attacks is None:
            raise ValueError('the rule { apcer = … } needs evaluation.attacks, e.g. { bona_fide = "live" }')
        return self

    @field_validator("group")
    @classmethod
    def _none_where_empty(cls, value: str | None) -> str | None:
        return value or None


class Anomaly(Section):
    """Where a detector draws the line."""

    false_alarms: float = Field(
        default=0.05, gt=0, lt=1, description="share of normal rows called anomalies, where valid has no anomaly"
    )


class Export(Section):
    """What the bundle holds."""

    int8: Literal["auto", "keep", "never"] = Field(default="auto", description="keep: whatever the clock says")
    prune: float = Field(
        default=0.0, ge=0, le=0.9, description="share of hidden units, channels or heads that is pruned after training"
    )
    seen: bool = Field(default=True, description="hashes of the rows it was trained on")
    weights: bool = Field(default=True, description="weights that a student may begin from; answers need none")
    max_size: int | None = Field(
        default=None, gt=0, description='bytes of the bundle at most, or "5MB"; smaller variants are tried'
    )
    min_rows_per_second: float | None = Field(
        default=None, gt=0, description="rows that one core has to answer in a second; faster variants are tried"
    )

    @field_validator("max_size", mode="before")
    @classmethod
    def _in_bytes(cls, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        try:
            return round(bytes_of(value))
        except LimbeckError as error:
            raise ValueError(f"{error.what}; {error.fix}") from error

    @property
    def limited(self) -> bool:
        """Whether size or speed of the bundle is limited."""
        return self.max_size is not None or self.min_rows_per_second is not None


class Selection(Section):
    """Candidates to compare by cross-validation before one is trained on all rows.

    A candidate is a name and the keys by which its recipe differs. The list begins with the candidate that is preferred
    where scores are alike.
    """

    candidates: dict[str, dict[str, dict[str, Any]]] = Field(default={}, description="name -> section -> keys")
    folds: int = Field(default=5, ge=2, le=20)
    repeats: int = Field(default=0, ge=0, le=20, description="dealings of the folds; 0: several where rows are few")
    rule: Literal["score", "difference"] = Field(
        default="score", description="the standard error that counts: of the best score, or of the difference to it"
    )
    blend: bool = Field(default=False, description="compare a weighted blend of the candidates too; they share [input]")
    budget: float = Field(default=0.0, ge=0, description="seconds for all of the comparison; 0: as long as it takes")

    @field_validator("candidates")
    @classmethod
    def _several_of_known_sections(cls, value: dict[str, dict[str, dict[str, Any]]]) -> Any:
        if len(value) == 1:
            raise ValueError("one candidate leaves nothing to compare: list two, or write its keys into the recipe")
        for name, sections in value.items():
            for section in sections:
                if section not in _DIFFERING:
                    raise ValueError(f"{name}.{section}: a candidate may differ in {', '.join(_DIFFERING)}")
        return value


class Tune(Section):
    """The hyper-parameter search; each entry of ``space`` is a list of choices or ``{ low, high, log }``."""

    trials: int = Field(default=20, ge=1)
    parallel: int = Field(
        default=1, ge=1, le=256, description="trials drawn at once, before the first of them has a score"
    )
    space: dict[str, list[Any] | dict[str, Any]] = {}
