"""Write docs/reference/: recipe keys, commands and the Python API, from the code itself.

Run it with ``python docs/make_reference.py``. A test compares the committed pages with what it writes.
"""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.cli.main import main
from limbeck.networks import NETWORKS
from limbeck.recipe import Recipe

FOLDER = Path(__file__).with_name("reference")
NOTE = "<!-- Written by docs/make_reference.py from the code; do not edit. -->"


def pages() -> dict[str, str]:
    """Return file name -> content."""
    return {"recipe.md": recipe(), "commands.md": commands(), "python.md": python()}


def recipe() -> str:
    """Return the page of all recipe keys."""
    lines = [
        "# Recipe keys",
        "",
        NOTE,
        "",
        "Every key of a recipe, by section. How to use them: [train.md](../train.md).",
    ]
    for name, field in Recipe.model_fields.items():
        section = _section(field.annotation)
        if section is not None:
            title = f"[[{name}]]" if get_origin(field.annotation) is list else f"[{name}]"
            lines += list(_keys(title, name, section))
    lines += ["", "## Networks", "", "`[student]` also holds the options of its network."]
    for name, network in sorted(NETWORKS.items()):
        lines += ["", f"### {name}", "", _first(network.__doc__), "", *_table(network.Options)]
    return "\n".join(lines) + "\n"


def _keys(title: str, path: str, section: type[BaseModel]) -> Iterator[str]:
    yield from ("", f"## {title}", "", _first(section.__doc__), "", *_table(section))
    for name, field in section.model_fields.items():
        inner = _section(field.annotation)
        if inner is not None:
            yield from _keys(f"[{path}.{name}]", f"{path}.{name}", inner)


def _table(section: type[BaseModel]) -> list[str]:
    if not section.model_fields:
        return ["It has no options."]
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in section.model_fields.items():
        meaning = field.description or ""
        rows.append(f"| `{name}` | {_cell(_type(field.annotation))} | {_default(field)} | {_cell(meaning)} |")
    return rows


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default if field.default is not PydanticUndefined else field.default_factory()
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value is None else f"`{_cell(json.dumps(value, ensure_ascii=False, default=str))}`"


def _type(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is type(None):
        return "none"
    if origin is Literal:
        return " or ".join(f"`{json.dumps(one)}`" for one in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(one) for one in inner if one is not type(None))
    if origin in (list, dict, tuple):
        named = ", ".join("…" if one is Ellipsis else _type(one) for one in inner)
        return f"{ {list: 'list', dict: 'table', tuple: 'list'}[origin] } of {named}"
    if origin is typing.Annotated:
        return _type(inner[0])
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return "table"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(kind, "any value")


def _section(kind: Any) -> type[BaseModel] | None:
    """Return the section that a type is, or holds as a list or beside none."""
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return kind
    if get_origin(kind) is list or get_origin(kind) in (typing.Union, types.UnionType):
        found = [one for one in map(_section, get_args(kind)) if one is not None]
        return found[0] if len(found) == 1 and type(None) in (*get_args(kind), type(None)) else None
    return None


def commands() -> str:
    """Return the page of all commands, as ``--help`` shows them."""
    lines = ["# Commands", "", NOTE, "", "What `limbeck --help` and `limbeck VERB --help` print."]
    for words, command in _commands(main, ("limbeck",)):
        with click.Context(command, info_name=words[-1], terminal_width=100, max_content_width=100) as context:
            context.command_path  # noqa: B018 - fills in the usage line
            text = command.get_help(context)
        usage = re.sub(r"Usage: \S+", f"Usage: {' '.join(words)}", text, count=1)
        lines += ["", f"## {' '.join(words)}", "", "```text", usage, "```"]
    return "\n".join(lines) + "\n"


def _commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _commands(inner, (*words, name))


def python() -> str:
    """Return the page of the public Python API."""
    lines = ["# Python API", "", NOTE, "", "What `import limbeck` gives. How to use it: [python.md](../python.md)."]
    for name in limbeck.__all__:
        thing = getattr(limbeck, name)
        if callable(thing):
            lines += _described(f"limbeck.{name}", thing)
    lines += _described("Classifier", Classifier)
    for name, thing in vars(Classifier).items():
        if not name.startswith("_") and (inspect.isfunction(thing) or isinstance(thing, property)):
            lines += _described(f"Classifier.{name}", thing, level=3)
    return "\n".join(lines) + "\n"


def _described(name: str, thing: Any, level: int = 2) -> list[str]:
    text = inspect.getdoc(thing.fget if isinstance(thing, property) else thing) or ""
    shown = name
    if inspect.isfunction(thing):
        shown = f"{name}{inspect.signature(thing)}"
    return ["", f"{'#' * level} {name}", "", "```text", shown, "", *text.splitlines(), "```"]


def _first(text: str | None) -> str:
    """Return a docstring's paragraphs as lines of a page, without its sections."""
    kept = re.split(r"\n\w[\w ]*\n-{3,}", inspect.cleandoc(text or ""))[0]
    return kept.strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in pages().items():
        (FOLDER / name).write_text(content, "utf-8")
