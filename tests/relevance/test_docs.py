"""The examples of docs/relevance.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

from limbeck.relevance import METHODS

DOCS = Path(__file__).parents[2] / "docs" / "relevance.md"


def test_the_examples_run():
    text = DOCS.read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(DOCS), "exec"), names)
    assert all(f"`{name}`" in text for name in METHODS)
