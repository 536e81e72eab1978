"""A whole recipe: all sections, and what has to fit between them."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from limbeck.recipe.base import Section
from limbeck.recipe.data import ANOMALY, DETECT, SEVERAL, Data, Input, Task
from limbeck.recipe.evaluation import Anomaly, Evaluation, Export, Selection, Tune
from limbeck.recipe.keys_of_kinds import misplaced, refused
from limbeck.recipe.training import Objective, Relevance, Student, Teacher, Training


class Recipe(Section):
    """A whole recipe."""

    task: Task
    data: Data
    input: Input = Input()
    student: Student
    teachers: list[Teacher] = []
    relevance: Relevance = Relevance()
    objective: Objective = Objective()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    anomaly: Anomaly = Anomaly()
    export: Export = Export()
    selection: Selection = Selection()
    tune: Tune = Tune()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_detectors(cls, raw: Any) -> Any:
        """Detectors have other losses and metrics; int8 moves scores of anomalies, which all lie close."""
        task = raw.get("task") if isinstance(raw, dict) else None
        kind = str(task.get("kind")) if isinstance(task, dict) else ""
        own: dict[str, dict[str, Any]]
        if kind.startswith(ANOMALY):
            loss = {f"{ANOMALY}image": "reverse-distillation"}.get(kind, "reconstruction")
            own = {"objective": {"losses": {loss: 1.0}}, "training": {"metric": "loss"}, "export": {"int8": "never"}}
        elif kind.startswith(DETECT):
            losses = {"centre": 1.0, **({"centre-distil": 1.0} if raw.get("teachers") else {})}
            own = {"objective": {"losses": losses}, "training": {"metric": "ap"}}
        elif kind.startswith(SEVERAL):
            losses = {"binary": 0.5, "distil-multi-label": 0.5} if raw.get("teachers") else {"binary": 1.0}
            own = {"objective": {"losses": losses}, "training": {"metric": "loss"}, "export": {"int8": "never"}}
        else:
            return raw
        given = {name: raw.get(name, {}) for name in own}
        return {**raw, **{name: {**own[name], **part} for name, part in given.items() if isinstance(part, dict)}}

    @model_validator(mode="after")
    def _keys_are_read(self) -> Recipe:
        if (wrong := misplaced(self)) is not None:
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _layout_fits(self) -> Recipe:
        wanted = {"wechat": "text", "celeba-spoof": "image"}.get(self.data.layout, self.task.rows)
        if self.task.rows != wanted:
            raise ValueError(f"the layout {self.data.layout!r} is for rows of the kind {wanted!r}")
        return self

    @model_validator(mode="after")
    def _evaluation_fits(self) -> Recipe:
        names, attacks = sorted(set((self.task.class_map or {}).values())), self.evaluation.attacks
        if attacks is not None and names and (len(names) != 2 or attacks.bona_fide not in names):
            raise ValueError(f"evaluation.attacks wants two classes, of which {attacks.bona_fide!r} is one: {names}")
        if (wrong := refused(self)) is not None:
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _positive_is_a_class(self) -> Recipe:
        names = list((self.task.class_map or {}).values())
        if self.task.positive is not None and names and self.task.positive not in names:
            raise ValueError(f"task.positive {self.task.positive!r} is no class: {names}")
        return self
