"""The recipe: one TOML file that says what to train, on what, and how.

Every section is a frozen pydantic model that forbids unknown keys, so that a misspelt key is one clear
line with a "did you mean" instead of a silently ignored wish. Options of a network or an encoder are
checked by that network or encoder, which alone knows them.
"""

from limbeck.recipe.base import Section
from limbeck.recipe.data import DETECTED, Clean, Data, Derived, Input, Split, Task
from limbeck.recipe.evaluation import (
    Anomaly,
    AttackLevel,
    Attacks,
    Evaluation,
    Export,
    LeaveOut,
    Selection,
    Sensitivity,
    Tune,
)
from limbeck.recipe.load import (
    dump_recipe,
    load_recipe,
    override,
    parse_recipe,
    toml_key,
    toml_value,
    with_settings,
)
from limbeck.recipe.recipe import Recipe
from limbeck.recipe.signal import Signal, Signals, Unfreeze
from limbeck.recipe.training import (
    Adversary,
    Augment,
    Decay,
    Init,
    Objective,
    Pictures,
    Ramp,
    Relevance,
    Student,
    Teacher,
    Training,
    Wide,
    Windows,
)

__all__ = [
    "DETECTED",
    "Adversary",
    "Anomaly",
    "AttackLevel",
    "Attacks",
    "Augment",
    "Clean",
    "Data",
    "Decay",
    "Derived",
    "Evaluation",
    "Export",
    "Init",
    "Input",
    "LeaveOut",
    "Objective",
    "Pictures",
    "Ramp",
    "Recipe",
    "Relevance",
    "Section",
    "Selection",
    "Sensitivity",
    "Signal",
    "Signals",
    "Split",
    "Student",
    "Task",
    "Teacher",
    "Training",
    "Tune",
    "Unfreeze",
    "Wide",
    "Windows",
    "dump_recipe",
    "load_recipe",
    "override",
    "parse_recipe",
    "toml_key",
    "toml_value",
    "with_settings",
]
