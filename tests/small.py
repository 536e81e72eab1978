"""Small real runs that the tests share: made-up Chinese reviews that can be told apart, and tiny recipes for them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.recipe import Recipe, dump_recipe, parse_recipe

GOOD = "物流很快 水果新鲜 味道真好 包装精美 值得购买 服务热情 非常满意 强烈推荐".split()  # noqa: SIM905
BAD = "质量太差 再也不买 味道难吃 包装破损 不值这价 态度恶劣 非常失望 已经退货".split()  # noqa: SIM905
PLAIN = "昨天 这家店 朋友 买了 一箱 收到 打开 看了看 然后 下午 送来 电话 客服 两次 今天 一共".split()  # noqa: SIM905
RARE = [chr(code) for code in range(0x5000, 0x5400)]

CLASSES = {"0": "bad", "1": "good"}
TINY: dict[str, dict[str, Any]] = {
    "ngram": {
        "input": {"encoder": "ngrams", "ngrams": [1, 2], "buckets": 4096, "max_length": 64},
        "student": {"network": "ngram"},
        "training": {"epochs": 3, "learning_rate": 0.05},
    },
    "gru": {
        "input": {"encoder": "characters", "max_length": 48},
        "student": {"network": "gru", "embedding": 16, "hidden": 8},
        "training": {"epochs": 2, "learning_rate": 0.01},
    },
    "textcnn": {
        "input": {"encoder": "words", "max_length": 32, "min_count": 1},
        "student": {"network": "textcnn", "embedding": 16, "filters": 8, "widths": [1, 2, 3]},
        "training": {"epochs": 2, "learning_rate": 0.01},
    },
    "albert": {
        "input": {"encoder": "wordpiece", "max_length": 32, "vocabulary": 400},
        "student": {
            "network": "albert", "embedding": 16, "hidden": 24, "layers": 2, "heads": 2, "intermediate": 32,
            "dropout": 0.0,
        },
        "training": {"epochs": 2, "learning_rate": 0.003},
    },
}  # fmt: skip


def reviews(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Return rows ``id, text, label, domain, split``; no two texts are alike, one label in 25 is wrong."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        good = number % 2
        words = [*random.choice(PLAIN, 4), *random.choice((BAD, GOOD)[good], 2), *random.choice(RARE, 6)]
        text = "".join(random.permutation(words)[: int(random.integers(7, 13))])
        label = 1 - good if number % 25 == 24 else good
        part = ("train", "train", "train", "train", "train", "train", "valid", "valid", "test", "test")[
            number // 2 % 10
        ]
        domain = ("fruit", "books", "hotel")[number % 3]
        rows.append({"id": f"r{number}", "text": text, "label": str(label), "domain": domain, "split": part})
    return rows


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as a CSV file with a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def tiny_recipe(network: str = "ngram", **sections: dict[str, Any]) -> Recipe:
    """Return a recipe for `reviews` that trains in seconds; ``sections`` are laid over it."""
    raw: dict[str, Any] = {
        "task": {"kind": "text", "classes": CLASSES},
        "data": {"train": "reviews.csv", "split": "split"},
        "evaluation": {"bootstrap": 20, "baseline": False},
        "export": {"int8": "never"},
        **{name: dict(values) for name, values in TINY[network].items()},
    }
    raw["training"] |= {"batch_size": 32, "threads": 1, "device": "cpu", "precision": "fp32"}
    for name, values in sections.items():
        raw[name] = {**raw.get(name, {}), **values}
    return parse_recipe(raw)


def write_recipe(path: Path, recipe: Recipe) -> Path:
    """Write a recipe as TOML."""
    path.write_text(dump_recipe(recipe), encoding="utf-8")
    return path


def python(
    code: str, *arguments: object, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    return _run([sys.executable, "-c", code, *map(str, arguments)], cwd, environment)


def limbeck(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-c", "from limbeck.cli.main import run; run()", *map(str, arguments)]
    return _run(command, cwd, environment)


def _run(command: list[str], cwd: Path | None, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
