"""The examples of docs/evaluation.md run as they stand."""

from __future__ import annotations

import shutil

from test_docs import blocks, commands, limbeck

PAGE = "docs/evaluation.md"


def test_the_examples_run(tmp_path, monkeypatch, bundles, rows_folder):
    monkeypatch.chdir(tmp_path)
    shutil.copy(rows_folder / "reviews.csv", tmp_path)
    for network in ("ngram", "gru"):
        shutil.copytree(bundles(network), tmp_path / "bundles" / network)
    names: dict[str, object] = {}
    ran = []
    for language, content in blocks(PAGE):
        if language == "python":
            exec(compile(content, PAGE, "exec"), names)
        elif language == "console":
            for words in commands(content):
                limbeck(words)
        ran.append(language)
    assert (ran.count("python"), ran.count("console")) == (9, 1)
    assert "全部指标" in (tmp_path / "report.html").read_text("utf-8")
