"""Train the members of a blend one by one, and calibrate what they say together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.metrics.calibration import fit_temperature
from limbeck.metrics.logits import softmax
from limbeck.networks.blend import NAME, Blend
from limbeck.progress import say
from limbeck.recipe import Recipe, Selection, override
from limbeck.tasks.classify.attack_rows import settled_threshold
from limbeck.training.build import network_kind, positive_index
from limbeck.training.fit.loop import History


def members_of(recipe: Recipe) -> list[tuple[str, float, Recipe]]:
    """Return name, weight and recipe of each member of a recipe whose network is ``blend``, all checked.

    Raises
    ------
    LimbeckError
        For a member that is a blend itself or that its recipe would not have; in one line that names it.
    """
    _, options = network_kind(recipe)
    found = []
    for member in options.members:
        if member.student.get("network") in (None, NAME):
            what = f"the member {member.name!r} of the blend names no network of its own"
            raise LimbeckError(what, where="recipe", fix="name one in its student table")
        values: dict[str, Any] = {"student": member.student}
        values |= {f"objective.{key}": value for key, value in member.objective.items()}
        values |= {f"training.{key}": value for key, value in member.training.items()}
        own = override(recipe, values)
        network_kind(own)
        found.append((member.name, member.weight, own))
    return found


def blend_of(recipe: Recipe, candidates: Mapping[str, Recipe], weights: Mapping[str, float]) -> Recipe:
    """Return the recipe of a blend of candidates: what they share, and of each its own sections."""
    members = []
    for name, weight in weights.items():
        raw = candidates[name].model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        own = {key: raw[key] for key in ("objective", "training") if raw.get(key)}
        members.append({"name": name, "weight": weight, "student": raw["student"], **own})
    plain = recipe.model_copy(update={"selection": Selection()})
    return override(plain, {"student": {"network": NAME, "members": members}})


def train_blend(recipe: Recipe, data: Dataset, *, folders: list[Path | None]) -> Any:
    """Return the `limbeck.training.student.Student` of a blend: each member is trained as if it were alone."""
    from limbeck.training.student import Student, train_student

    if recipe.teachers:
        what = "a blend learns from labels, not from teachers"
        raise LimbeckError(what, where="recipe", fix="leave [[teachers]] out, or train one network")
    students = []
    for name, _, own in members_of(recipe):
        say(f"member {name} of the blend")
        students.append(train_student(own, data, folders=folders))
    first = students[0]
    _, options = network_kind(recipe)
    network = Blend(options, first.encoder, len(data.classes))
    network.take_over([one.network for one in students], [one.temperature for one in students])
    # From the members' own logits: those that are solved at once have learned the rows of valid by now.
    told = [log_softmax(one.valid_logits / one.temperature, axis=1) for one in students]
    logits = np.tensordot(network.weights.numpy(), told, axes=1)
    valid, positive = data.part("valid"), positive_index(recipe, data.classes)
    temperature = fit_temperature(logits, data.labels[valid])
    threshold = settled_threshold(
        recipe.evaluation, data.frame[valid], data.labels[valid], softmax(logits / temperature), data.classes, positive
    )  # fmt: skip
    return Student(
        network, first.encoder, History(), temperature, threshold, positive, first.valid_rows, data.labels[valid],
        logits, first.sample,
    )  # fmt: skip
