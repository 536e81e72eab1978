"""The recipe of a student that learns from models of this site on rows without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from limbeck.files import write_text
from limbeck.recipe.load import dump_recipe, parse_recipe
from limbeck.studio.registry.facts import Version

ROWS, REVIEWED = "rows.parquet", "reviewed.parquet"
# As in recipes/reviews-cold-start.toml and recipes/accounts.toml, where these settings are measured.
_TEXT: dict[str, dict[str, Any]] = {
    "input": {"encoder": "ngrams", "max_length": 2048, "ngrams": [1, 3], "word_ngrams": 2, "buckets": 262144},
    "student": {"network": "ngram", "idf": 1.0},
    "training": {
        "optimizer": "lbfgs", "weight_decay": 3e-5, "epochs": 6, "patience": 2, "batch_size": 512, "metric": "loss",
    },
}  # fmt: skip
_TABLE: dict[str, dict[str, Any]] = {
    "input": {"scaling": "quantile"},
    "student": {"network": "mlp", "hidden": 32, "dropout": 0.3},
    "training": {"epochs": 20, "batch_size": 32, "learning_rate": 3e-3, "patience": 5, "metric": "loss"},
}


def write_recipe(teachers: list[Version], folder: Path, *, reviewed: bool) -> Path:
    """Write the recipe beside the rows and return its path; ``reviewed`` says whether there are reviewed labels too.

    Several teachers are weighted by how they agree and by the reviewed labels. With one teacher the
    student learns the labels and the teacher's answers with equal weight.
    """
    single = len(teachers) == 1
    labels = {"missing_labels": "unlabelled"} if single else {"labels": "test"}
    manifest, text = teachers[0].manifest, teachers[0].one_text
    classes = list(manifest.classes)
    task: dict[str, Any] = {
        "kind": teachers[0].kind, "input": manifest.task.inputs[0] if text else list(manifest.task.inputs),
        "label": "label", "classes": classes,
    }  # fmt: skip
    if len(classes) == 2:
        task["positive"] = classes[manifest.positive]
    tables: dict[str, Any] = {
        "task": task,
        "data": {"train": ROWS, "split": "split", "leakage": "warn", **labels},
        "teachers": [
            {"name": f"{one.name}-{at}", "source": f"bundle:{one.path}"} for at, one in enumerate(teachers)
        ],
        "relevance": {"reviewed": REVIEWED} if reviewed and not single else {},
        "objective": {"losses": {"hard": 0.5, "distil": 0.5} if single else {"distil": 1.0}},
        **(_TEXT if text else _TABLE),
    }  # fmt: skip
    file = folder / "recipe.toml"
    write_text(file, dump_recipe(parse_recipe(tables)))
    return file
