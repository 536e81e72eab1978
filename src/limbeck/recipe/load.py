"""Reading a recipe, putting values over it, writing it whole; what is wrong in one line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.recipe.base import Section
from limbeck.recipe.recipe import Recipe
from limbeck.recipe.toml_file import read_toml


def load_recipe(path: str | Path, settings: Iterable[str] = ()) -> Recipe:
    """Read a recipe and apply ``section.key=value`` settings over it.

    A table ``[when.NAME]`` of the file holds overrides that apply when ``student.network`` or ``data.layout`` is
    ``NAME``; a setting given by hand wins over them.

    Raises
    ------
    LimbeckError
        For a missing or broken file, an unknown key (with the nearest known one) or a wrong value.
    """
    file = Path(path)
    raw = read_toml(file)
    pairs = [_setting(text) for text in settings]
    when = raw.pop("when", {})
    chosen = [_wanted(raw, pairs, "data", "layout"), _wanted(raw, pairs, "student", "network")]
    for name, over in when.items() if isinstance(when, dict) else [("", when)]:
        _check_when(name, over, file)
        if name in chosen:
            _merge(raw, over)
    for key, value in pairs:
        _put(raw, key, value)
    return parse_recipe(raw, where=str(file))


def _wanted(raw: Mapping[str, Any], pairs: list[tuple[str, Any]], section: str, key: str) -> Any:
    """Return a value as the settings give it, else as the file does, else None."""
    table = raw.get(section)
    given = [value for name, value in pairs if name == f"{section}.{key}"]
    return given[-1] if given else table.get(key) if isinstance(table, dict) else None


def parse_recipe(raw: Mapping[str, Any], *, where: str = "recipe") -> Recipe:
    """Validate a recipe given as plain tables; see `load_recipe` for the errors."""
    try:
        return Recipe.model_validate(_text_keys(raw))
    except ValidationError as error:
        raise _explain(error, where) from error
    except RecursionError as error:
        raise LimbeckError("nested too deeply", where=where, fix="check the file") from error


def override(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe with ``section.key`` values put over it, checked anew."""
    raw = recipe.model_dump(mode="json", exclude_none=True)
    for key, value in values.items():
        _put(raw, key, value)
    return parse_recipe(raw)


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """Return the recipe with ``section.key=value`` settings put over it, checked anew."""
    pairs = [_setting(text) for text in settings]
    return override(recipe, dict(pairs)) if pairs else recipe


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as TOML text, every default written out, so that a run can be repeated."""
    tables: dict[str, Any] = recipe.model_dump(mode="json", exclude_none=True)
    lines: list[str] = []
    for name, value in tables.items():
        for table in value if isinstance(value, list) else [value]:
            lines.append(f"[[{name}]]" if isinstance(value, list) else f"[{name}]")
            lines += [f"{toml_key(key)} = {toml_value(item)}" for key, item in table.items()]
            lines.append("")
    return "\n".join(lines)


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it, in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return _toml_plain(value)


def _toml_plain(value: Any) -> str:
    if value in (float("inf"), float("-inf")):
        return str(value)
    # JSON's strings, numbers and booleans are TOML's too, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(key: str) -> str:
    """Return a key as TOML writes it, in quotes where it needs them."""
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _toml_plain(key)


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise LimbeckError(f"{text!r} is no setting", where="--set", fix="write section.key=value")
    try:
        return key.strip(), tomllib.loads(f"v = {value}")["v"]
    except RecursionError as error:
        raise LimbeckError(f"{key.strip()!r} is nested too deeply", where="--set") from error
    except ValueError:
        return key.strip(), value  # a bare word is a string: --set student.network=albert


def _put(raw: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    table = raw
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise LimbeckError(f"{key!r} goes through a value that is no table", where="--set")
    table[last] = value


def _check_when(name: str, over: Any, where: object) -> None:
    for section, values in over.items() if isinstance(over, dict) else [("", None)]:
        if section and section not in Recipe.model_fields:
            fix = did_you_mean(section, Recipe.model_fields)
            raise LimbeckError(f"unknown key 'when.{name}.{section}'", where=where, fix=fix)
        if not isinstance(values, dict):
            fix = "write [when.NETWORK.SECTION] with keys of that section"
            raise LimbeckError(f"'when{'.' * bool(name)}{name}' is no table of sections", where=where, fix=fix)


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _text_keys(item) for key, item in value.items()}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def _explain(error: ValidationError, where: str) -> LimbeckError:
    """Turn pydantic's first finding into one line; a misspelt key comes before anything else."""
    found = error.errors()
    first = next((item for item in found if item["type"] == "extra_forbidden"), found[0])
    path = _key_words([str(part) for part in first["loc"]])
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        return LimbeckError(f"unknown key {'.'.join(path)!r}", where=where, fix=_nearest(path))
    if first["type"] == "missing":
        return LimbeckError(f"the key {'.'.join(path)!r} is missing", where=where, fix="add it")
    message = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f" (given: {given!r})" if key and not isinstance(given, dict) else ""
    return LimbeckError(f"{key + ': ' if key else ''}{message}{shown}", where=where)


def _key_words(path: list[str]) -> list[str]:
    # pydantic adds the tried branch of a union to the location ("float", "Split", "list[str]"); leave those out.
    branches = {"float", "int", "str", "bool", *(kind.__name__ for kind in Section.__subclasses__())}
    return [part for part in path if part not in branches and "[" not in part]


def _nearest(path: list[str]) -> str:
    model: Any = Recipe
    for part in path[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = _section_in(field.annotation, model) if field else model
    return did_you_mean(path[-1], getattr(model, "model_fields", {}))


def _section_in(annotation: Any, default: Any) -> Any:
    """Return the section that a type speaks of: itself, or one inside its unions and tables."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_in(inner, None) for inner in getattr(annotation, "__args__", ()))
    return next((inner for inner in found if inner is not None), default)
