"""A recipe as people read it: every key with the reason for its value, in one language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limbeck.dataset.automatic.reasons import REASONS
from limbeck.dataset.automatic.understood import Understood
from limbeck.messages.message import message, render
from limbeck.recipe import toml_key, toml_value

ORDER = ("task", "data", "input", "student", "objective", "training", "evaluation", "anomaly", "export", "selection")


def commented(found: Understood, language: str = "en", *, place: str = "") -> str:
    """Return the recipe as TOML text with a comment before every key.

    ``place`` is the folder of the rows, for the command in the first lines.
    """
    lines = [f"# {render(line, language)}" for line in (message("automatic.head"), *found.lines)]
    lines += ["#", f"#   limbeck train recipe.toml --data {place or 'FOLDER'} --out BUNDLE", ""]
    for section in ORDER:
        keys = found.tables.get(section)
        if not keys:
            continue
        nested = {name: value for name, value in keys.items() if isinstance(value, Mapping) and _deep(section, name)}
        plain = {name: value for name, value in keys.items() if name not in nested}
        if plain:
            lines.append(f"[{section}]")
        for name, value in plain.items():
            lines.append(f"# {render(_reason(found, section, name), language)}")
            lines.append(f"{toml_key(name)} = {toml_value(value)}")
        lines += [""] if plain else []
        for name, value in nested.items():
            lines += _table(f"{section}.{name}", value, language)
    return "\n".join(lines).rstrip("\n") + "\n"


def _deep(section: str, name: str) -> bool:
    return (section, name) in (("selection", "candidates"), ("training", "pictures"), ("input", "signal"))


def _table(name: str, value: Mapping[str, Any], language: str) -> list[str]:
    lines = [f"# {render(message(REASONS[name]), language)}", f"[{name}]"]
    for key, item in value.items():
        lines.append(f"{toml_key(key)} = {toml_value(item)}")
    return [*lines, ""]


def _reason(found: Understood, section: str, name: str) -> str:
    key = f"{section}.{name}"
    return found.why.get(key) or message(REASONS[key])
