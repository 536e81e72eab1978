"""Classification with several labels a row: each label is a question of its own (binary relevance)."""

from __future__ import annotations

from dataclasses import replace

from limbeck.tasks.classify import CLASSIFY
from limbeck.tasks.multilabel.labels import numbers_of_sets, sets_as_classes
from limbeck.tasks.multilabel.rows import unlearnable

MULTILABEL = replace(
    CLASSIFY,
    name="multilabel",
    exclusive=False,
    classes=sets_as_classes,
    labels=numbers_of_sets,
    unlearnable=unlearnable,
    baseline_needs="one_vs_rest",
    verbs={
        "train": "limbeck.training.multilabel.train:train",
        "load": "limbeck.bundle.multilabel:MultiLabelClassifier",
        "evaluate": "limbeck.evaluation.multilabel.evaluate:evaluate",
        "serve": "limbeck.serving.several:LoadedLabels",
    },
)
