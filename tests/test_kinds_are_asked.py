"""Code outside of `kinds/` and `tasks/` asks the object of a kind or task, and not its name.

A place that compares ``task.rows`` or ``task.kind`` with a name, asks ``task.anomaly``, or asks which class an encoder
or encoded rows have, would have to be found by whoever adds a kind. The five that are left have a reason each.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import limbeck
from limbeck.kinds import KINDS

HOME = Path(limbeck.__file__).parent
LEFT = {
    "recipe/data.py": 1,  # recipes lie below the kinds and cannot ask them
    "teachers/expression.py": 2,  # the kind of a term in a rule, and not of rows
    "training/export/model_card.py": 2,  # which lines of Python stand in the card as an example
}
CLASSES = {"ImageInput", "SignalInput", "TextInput", "TableInput", "Pictures", "Signals", "Dense", "Ragged", "Picture"}


def places(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that ask."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            asked = {named(side) for side in sides}
            names = {part.value for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)}
            found = asked & {"rows", "kind"} and names & set(KINDS)
        elif isinstance(node, ast.Attribute):
            found = node.attr == "anomaly" and named(node.value) == "task"
        elif isinstance(node, ast.Call) and named(node.func) == "isinstance":
            found = CLASSES & {named(part) for part in ast.walk(node.args[1])}
        else:
            found = False
        if found:
            yield node.lineno


def named(node: ast.AST) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def test_few_places_outside_of_kinds_and_tasks_ask_for_a_kind_or_a_task():
    found = Counter(
        str(file.relative_to(HOME))
        for file in HOME.rglob("*.py")
        if file.relative_to(HOME).parts[0] not in ("kinds", "tasks")
        for _ in places(ast.parse(file.read_text("utf-8")))
    )
    assert found == LEFT


def test_such_places_are_seen():
    asking = (
        'if task.rows == "image": pass',
        'x = kind in ("text", "table")',
        "if recipe.task.anomaly: pass",
        "assert isinstance(rows, Dense | Ragged)",
    )
    for line in asking:
        assert list(places(ast.parse(line))) == [1], line
    assert not list(places(ast.parse('rows == 3; name == "image"; isinstance(rows, list)')))
