"""All messages replaced by their codes: weights, answers, the doctor's grades and exit codes stay, bit for bit."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext

import numpy as np
import pytest
from tests.training.test_distil import recipe, scenario_rows

import limbeck
from limbeck.cli.main import run
from limbeck.evaluation.report.trust import checked, meaning
from limbeck.messages.message import shown_as_codes
from limbeck.recipe import parse_recipe
from small import write_csv, write_recipe

SENTENCES = ("notes", "messages", "findings", "verdict", "warnings", "name", "seconds", "reason", "message", "created",
             "head", "reasons", "advice")  # fmt: skip


def figures(value):
    """The numbers, names and truths of a result, without what is a sentence or a time."""
    if isinstance(value, dict):
        return {key: figures(one) for key, one in value.items() if key not in SENTENCES}
    if isinstance(value, list | tuple):
        return [figures(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def command(capfd, *words):
    """Run the command line in this process; return its exit code and how many lines of errors it wrote."""
    with pytest.raises(SystemExit) as ended:
        run([str(word) for word in words])
    return ended.value.code, sum(line.startswith("error:") for line in capfd.readouterr().err.splitlines())


def recipes():
    """A student that is one more voter in rounds, one whose answer is cut at class rates, and one of doubtful rows."""
    exact = {"int8": "keep"}  # whatever its speed, which is another each time
    spoilt = recipe(teachers=[], objective={"losses": {"hard": 1.0}}, relevance={}, export=exact)
    spoilt["data"] = {"train": "spoilt.csv", "missing_labels": "drop", "conflicts": "drop", "duplicates": "near"}
    columns = [{"name": f"t{k}", "source": f"column:t{k}"} for k in range(5)]
    cut = recipe(teachers=columns, relevance={"rounds": 0}, export=exact)
    return {"voting": recipe(export=exact), "cut": cut, "spoilt": spoilt}


def voted(rows):
    """The rows with the answers of five teachers of growing skill: the probability of the second class."""
    random = np.random.default_rng(0)
    signs = np.array([2 * row["label"] - 1 for row in rows])
    votes = {f"t{k}": 1 / (1 + np.exp(-random.normal((0.6 + 0.3 * k) * signs, 1.0))) for k in range(5)}
    return [row | {name: f"{p[at]:.3f}" for name, p in votes.items()} for at, row in enumerate(rows)]


def everything(place, capfd):
    """Everything that training, doctor, evaluation and the command line decide in a folder of their own."""
    rows = scenario_rows()
    write_csv(place / "rows.csv", voted(rows))
    plain = [{"text": row["text"], "label": row["label"]} for row in rows[:160]]
    twice = [{"text": row["text"], "label": 1 - row["label"]} for row in plain[:4]]
    write_csv(place / "spoilt.csv", [*plain, *plain[:9], *twice, {"text": "没有标签", "label": ""}])
    told = {}
    for name, raw in recipes().items():
        wanted = parse_recipe(raw)
        made = limbeck.train(wanted, data=place, out=place / name)
        texts = [row["text"] for row in rows[:50]]
        with limbeck.load(made.bundle) as classifier:
            answers = classifier.predict_proba(texts)
        trust = made.bundle / "trust.json"
        raw_trust = json.loads(trust.read_text("utf-8")) if trust.exists() else None
        told[name] = {
            "weights": hashlib.sha256((made.bundle / "model.onnx").read_bytes()).hexdigest(),
            "answers": answers.tobytes(),
            "metrics": figures(made.metrics),
            "stored": figures(json.loads((made.bundle / "metrics.json").read_text("utf-8"))),
            "trust": figures(raw_trust),
            "codes": [one["code"] for one in raw_trust["messages"]] if raw_trust else [],
            "meaning": meaning(checked(raw_trust).told()) if raw_trust else "",
            "doctor": [(found.level, found.check) for found in limbeck.doctor(wanted, data=place)],
            "evaluation": figures(limbeck.evaluate(made.bundle, place / "spoilt.csv", bootstrap=20)),
        }
    write_recipe(place / "good.toml", parse_recipe(recipes()["voting"]))
    write_recipe(place / "bad.toml", parse_recipe(recipes()["spoilt"] | {"data": {"train": "none.csv"}}))
    bundle = place / "voting"
    told["exit codes"] = [
        command(capfd, "doctor", place / "good.toml", "--data", place),
        command(capfd, "doctor", place / "bad.toml", "--data", place),
        command(capfd, "train", place / "bad.toml", "--data", place, "--out", place / "never"),
        command(capfd, "evaluate", bundle, "--data", place / "spoilt.csv", "--report", place / "report.html"),
        command(capfd, "evaluate", bundle, "--data", place / "missing.csv"),
        command(capfd, "predict", bundle, place / "rows.csv", place / "out.csv"),
        command(capfd, "predict", place / "nowhere", place / "rows.csv", place / "out.csv"),
        command(capfd, "predict", "--no-such-option"),
    ]
    return told


def test_no_decision_reads_a_sentence(tmp_path, monkeypatch, capfd):
    told = []
    for name, mode in (("sentences", nullcontext()), ("codes", shown_as_codes())):
        # The same path both times: recipes name it, and what they hold goes into hashes.
        place = tmp_path / "here"
        place.mkdir()
        monkeypatch.setenv("LIMBECK_HOME", str(place / "home"))
        with mode:
            told.append(everything(place, capfd))
        place.rename(tmp_path / name)
    plain, coded = told
    assert plain.keys() == coded.keys()
    for name in plain:
        assert plain[name] == coded[name], name
    assert {code for code, _ in plain["exit codes"]} == {0, 2}
    assert "teachers.replayed" in plain["voting"]["codes"]
    assert "teachers.cut_at_rates" in plain["cut"]["codes"]
    assert {level for level, _ in plain["spoilt"]["doctor"]} >= {"ok", "warn"}
    notes = json.loads((tmp_path / "codes" / "voting" / "trust.json").read_text("utf-8"))["notes"]
    assert notes == plain["voting"]["codes"]  # the second run did say codes
    found = json.loads((tmp_path / "codes" / "spoilt" / "metrics.json").read_text("utf-8"))["findings"]
    assert found and all(" " not in line for line in found)
    assert np.frombuffer(plain["voting"]["answers"], dtype=np.float32).any()
