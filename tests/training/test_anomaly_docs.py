"""What docs/anomaly.md shows, runs as it stands; its tables name the keys there are, with their defaults."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from limbeck.networks import NETWORKS
from limbeck.networks.anomaly.detector import Detector
from limbeck.recipe import Anomaly, Task
from scans import mvtec
from signals import records
from test_docs import ROOT, blocks, check_table, commands, limbeck

PAGE = "docs/anomaly.md"


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mvtec(tmp_path / "bottle")
    records(tmp_path / "records")
    random = np.random.default_rng(0)
    names = ("posts", "followers", "age")
    columns = {name: random.normal(0, 1, 120) for name in names}
    pl.DataFrame({**columns, "label": ["ok"] * 110 + ["fraud"] * 10}).write_csv("accounts.csv")
    known: dict[str, object] = {}
    ran = 0
    for language, content in blocks(PAGE):
        if language == "python":
            exec(compile(content, PAGE, "exec"), known)
        elif language == "console":
            for words in commands(content):
                limbeck(words)
        elif language == "toml":
            Path(re.match(r"# (\S+\.toml)\n", content)[1]).write_text(content, encoding="utf-8")
        else:
            continue
        ran += 1
    assert ran == 7
    assert Path("strange-beats.csv").read_text("utf-8").startswith("record,time,class,probability")
    assert len(list((tmp_path / "heat").iterdir())) == 8


def test_the_tables_name_all_keys():
    check_table(PAGE, "[task]", Task, {"normal", "mask"})
    check_table(PAGE, "[anomaly]", Anomaly, set(Anomaly.model_fields))


DETECTORS = [name for name, network in NETWORKS.items() if issubclass(network, Detector)]


@pytest.mark.parametrize("name", DETECTORS)
def test_every_key_of_a_detector_is_on_the_page(name):
    text = (ROOT / PAGE).read_text("utf-8")
    assert f"| `{name}` |" in text
    for key, field in NETWORKS[name].Options.model_fields.items():
        value = f'"{field.default}"' if isinstance(field.default, str) else field.default
        assert f"| `{key}` | `{value}`" in text or f"`{key} = {value}`" in text, key
