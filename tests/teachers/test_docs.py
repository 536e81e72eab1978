"""The examples of docs/teachers.md run as they stand, and its recipes are recipes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from limbeck.recipe import Task, Teacher
from limbeck.teachers import TEACHERS

from .make import opened

DOCS = Path(__file__).parents[2] / "docs" / "teachers.md"
TASK = Task(kind="text", classes=["negative", "positive"])


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = _blocks("python")
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(DOCS), "exec"), names)


def test_every_kind_has_a_recipe_and_the_ones_without_files_open(monkeypatch):
    monkeypatch.setenv("EXAMPLE_KEY", "x")
    specs = [Teacher(**entry) for block in _blocks("toml") for entry in tomllib.loads(block)["teachers"]]
    kinds = [spec.source.partition(":")[0] for spec in specs]
    assert set(kinds) == set(TEACHERS)
    for spec, kind in zip(specs, kinds, strict=True):
        if kind in ("column", "rule", "http"):
            more = spec.model_dump(exclude={"name", "source"}, exclude_defaults=True)
            opened(spec.source, classes=("negative", "positive"), task=TASK, **more)
