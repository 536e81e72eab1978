"""A network, a loss, a relevance method, a teacher, an encoder, a kind and a task are each one class and one line.

Each test adds one as a stranger would, and trains, exports and predicts with it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from pydantic import Field
from torch import Tensor, nn

import limbeck
from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.kinds.kind import Kind, largest_batch
from limbeck.kinds.text.encode import TEXT_ENCODERS
from limbeck.kinds.text.encoding.ragged import Ragged, ragged
from limbeck.metrics.baselines.baseline_row import line
from limbeck.networks import NETWORKS, Network
from limbeck.networks.base import mask_of
from limbeck.objectives import OBJECTIVES
from limbeck.objectives.base import Loss
from limbeck.recipe import Section, override, parse_recipe
from limbeck.relevance import METHODS
from limbeck.relevance.probabilities import checked, fused
from limbeck.tasks import TASKS
from limbeck.tasks.classify import CLASSIFY
from limbeck.teachers import TEACHERS
from small import reviews, tiny_recipe, write_csv


class MeanOptions(Section):
    width: int = Field(default=16, ge=1)


class Mean(Network):
    """The mean of the tokens' vectors."""

    Options = MeanOptions

    def __init__(self, options, encoder, classes):
        super().__init__(options, encoder, classes)
        self.vectors = nn.Embedding(encoder.size, options.width)
        self.head = nn.Linear(options.width, classes)

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        mask = mask_of(ids, lengths).unsqueeze(-1)
        return (self.vectors(ids) * mask).sum(dim=1) / lengths.clamp(min=1).unsqueeze(-1)


class Focal(Loss):
    """Cross-entropy that easy rows weigh less in (Lin et al. 2017, eq. 5)."""

    labelled = True

    def count(self, step):
        return (step.labels >= 0).sum()

    def forward(self, step):
        known = step.labels >= 0
        own = torch.log_softmax(step.logits[known], dim=1).gather(1, step.labels[known][:, None])
        return -((1 - own.exp()) ** 2 * own).sum() / max(len(own), 1)


def median(P):
    """The median of the teachers' probabilities, scaled to one."""
    P = checked(P)
    middle = np.nanmedian(P, axis=0)
    return fused(middle / middle.sum(axis=1, keepdims=True), np.ones(len(P)))


class Sure:
    """A teacher that knows one word."""

    block, columns = 64, ("text",)

    def __init__(self, place):
        self.name, self.classes, self.word = place.spec.name, place.classes, place.place
        self.fingerprint = place.fingerprint(self.word)

    def answer(self, rows: pl.DataFrame):
        found = rows["text"].str.contains(self.word, literal=True).fill_null(False).to_numpy()
        return np.where(found[:, None], [[0.1, 0.9]], [[0.6, 0.4]]).astype(np.float32)


class Codes:
    """One token for each byte of UTF-8."""

    file, like, size, pad = "bytes.json", "characters", 258, 0
    tokens: ClassVar = None

    @classmethod
    def fit(cls, texts, settings):
        return cls()

    @classmethod
    def loads(cls, text, settings):
        return cls()

    def dumps(self):
        return json.dumps("bytes")

    def encode(self, texts, max_length) -> Ragged:
        return ragged([[byte + 2 for byte in text.encode("utf-8", "replace")] for text in texts], max_length)


def trained(recipe, folder, out):
    """Train, and check that the bundle answers as a table and alone."""
    done = limbeck.train(recipe, data=folder, out=out)
    texts = [row["text"] for row in reviews(40, seed=3)]
    p = limbeck.load(done.bundle).predict_proba(texts)
    assert p.shape == (40, 2) and np.isfinite(p).all()
    assert "accuracy" in limbeck.evaluate(done.bundle, folder / "reviews.csv", bootstrap=5)
    return done


def test_a_network(monkeypatch, rows_folder, tmp_path):
    monkeypatch.setitem(NETWORKS, "mean", Mean)
    recipe = override(tiny_recipe("gru"), {"training.epochs": 4})
    raw = recipe.model_dump()
    raw["student"] = {"network": "mean", "width": 24}
    done = trained(parse_recipe(raw), rows_folder, tmp_path / "b")
    assert limbeck.load(done.bundle).manifest.network == "mean"
    raw["student"]["widht"] = 3
    with pytest.raises(LimbeckError, match=r"unknown key 'student\.widht'; did you mean 'width'"):
        limbeck.train(parse_recipe(raw), data=rows_folder, out=tmp_path / "c")


def test_a_loss(monkeypatch, rows_folder, tmp_path):
    monkeypatch.setitem(OBJECTIVES, "focal", Focal)
    recipe = tiny_recipe("ngram", objective={"losses": {"focal": 1.0}})
    assert trained(recipe, rows_folder, tmp_path / "b").metrics["accuracy"] > 0.7


def test_a_relevance_method_and_a_teacher(monkeypatch, tmp_path):
    monkeypatch.setitem(METHODS, "median", median)
    monkeypatch.setitem(TEACHERS, "word", Sure)
    write_csv(tmp_path / "reviews.csv", reviews(300))
    words = ("物流很快", "味道真好", "强烈推荐")
    raw = tiny_recipe("ngram", relevance={"method": "median"}, objective={"losses": {"distil": 1.0}}).model_dump()
    raw["teachers"] = [{"name": f"w{at}", "source": f"word:{word}"} for at, word in enumerate(words)]
    recipe = parse_recipe(raw)
    done = trained(recipe, tmp_path, tmp_path / "b")
    assert "median" in (done.bundle / "recipe.toml").read_text("utf-8")
    assert any(
        one.level == "error" for one in limbeck.doctor(override(recipe, {"relevance.method": "medain"}), data=tmp_path)
    )


def test_an_encoder(monkeypatch, rows_folder, tmp_path):
    monkeypatch.setitem(TEXT_ENCODERS, "bytes", Codes)
    recipe = tiny_recipe("gru", input={"encoder": "bytes", "max_length": 64})
    done = trained(recipe, rows_folder, tmp_path / "b")
    assert (done.bundle / "bytes.json").is_file()
    with pytest.raises(LimbeckError, match="unknown encoder 'byts'; did you mean 'bytes'"):
        limbeck.train(override(recipe, {"input.encoder": "byts"}), data=rows_folder, out=tmp_path / "c")


class Numbers:
    """Rows of whole numbers, written as a text such as "3 5 8"."""

    most, window, workers, wide, files, size, pad = 256, 4096, None, None, (), 12, 0

    def __init__(self, settings):
        self.settings = settings

    @classmethod
    def fit(cls, settings, values):
        return cls(settings)

    @classmethod
    def load(cls, settings, folder):
        return cls(settings)

    def save(self, folder):
        pass

    def encode(self, values):
        return ragged([[min(int(one), 9) + 2 for one in row.split()] for row in values], 64)

    def encode_each(self, values):
        bad = {at: LimbeckError("no numbers") for at, row in enumerate(values) if not row.replace(" ", "").isdigit()}
        return self.encode(["0" if at in bad else row for at, row in enumerate(values)]), bad

    def batch(self, rows, which):
        return rows.pad(which, fill=0)

    def blank(self, task):
        return ["0"]

    def completed(self, values):
        return values

    def largest(self, rows, one, tokens):
        return largest_batch(rows, one, tokens, self.most)


class MeanOfNumbers(Mean):
    encoders = ("sequence",)


SEQUENCE = Kind(
    name="sequence",
    encoder=Numbers,
    values=lambda frame, task: frame[task.inputs[0]].cast(pl.String).fill_null("").to_list(),
    from_memory=lambda values, task: list(values),
)


def test_a_kind_of_rows(monkeypatch, tmp_path):
    monkeypatch.setitem(KINDS, "sequence", SEQUENCE)
    monkeypatch.setitem(NETWORKS, "mean-of-numbers", MeanOfNumbers)
    random = np.random.default_rng(0)
    rows = [(random.integers(0, 6, 9) + 3 * (at % 2), ("low", "high")[at % 2]) for at in range(300)]
    frame = pl.DataFrame(
        {"numbers": [" ".join(map(str, row)) for row, _ in rows], "label": [label for _, label in rows]}
    )
    frame.write_csv(tmp_path / "rows.csv")
    raw = {
        "task": {"kind": "sequence", "input": "numbers"},
        "data": {"train": "rows.csv"},
        "student": {"network": "mean-of-numbers"},
        "training": {"epochs": 15, "learning_rate": 0.02, "batch_size": 16, "threads": 1, "device": "cpu"},
        "evaluation": {"bootstrap": 20},
        "export": {"int8": "never"},
    }
    assert not [one for one in limbeck.doctor(parse_recipe(raw), data=tmp_path) if one.level == "error"]
    done = limbeck.train(parse_recipe(raw), data=tmp_path, out=tmp_path / "b")
    assert done.metrics["accuracy"] > 0.9
    with limbeck.load(done.bundle) as classifier, pytest.raises(LimbeckError, match="kind 'sequence' have no explain"):
        classifier.explain(["1 2 3"])
    assert [row["name"] for row in done.baselines] == ["majority class"]
    assert "<html" in (done.bundle / "report.html").read_text("utf-8")
    assert limbeck.load(done.bundle).predict(["0 1 2 0", "8 8 7 8", "0 0 0 1"]) == ["low", "high", "low"]
    pl.DataFrame({"numbers": ["1 1 0", "x", "8 8 8"]}).write_csv(tmp_path / "new.csv")
    found = limbeck.predict(done.bundle, tmp_path / "new.csv", tmp_path / "out.csv", quiet=True)
    assert (found.rows, found.rejected) == (2, 1)
    assert pl.read_csv(tmp_path / "out.csv")["class"].to_list() == ["low", "high"]
    assert limbeck.evaluate(done.bundle, tmp_path / "rows.csv", bootstrap=5)["accuracy"] > 0.9


STARS = ("bad", "fair", "good")


def stars(frame, task, where, numbers, classes):
    """Labels are written as "1 star" to "5 stars"."""
    return np.array([(int(label[0]) > 2) + (int(label[0]) > 3) for label in frame[task.label].to_list()])


def steps_off(classifier, frame, labels, p):
    """How many classes an answer lies off, on average."""
    known = labels >= 0
    return {"mean_steps_off": float(np.abs(classifier.decide(p) - labels)[known].mean())}, []


def middle_class(recipe, train, learned, evaluated, asked, positive, majority):
    """Always the median class."""
    p = np.zeros((len(asked), len(train.classes)))
    p[:, int(np.median(train.labels[learned]))] = 1.0
    return line("median class", evaluated.labels[asked], p, train.classes, None, learned=len(learned), seconds=0.0)


ORDINAL = replace(
    CLASSIFY,
    name="ordinal",
    classes=lambda raw, task, where: STARS,
    labels=stars,
    figures=steps_off,
    facts=lambda metrics: {"steps off": metrics["mean_steps_off"]},
    baseline=middle_class,
    baseline_needs=None,
)


def test_a_task(monkeypatch, tmp_path):
    monkeypatch.setitem(TASKS, "ordinal", ORDINAL)
    random = np.random.default_rng(0)
    words = ("dreadful", "broken", "usable", "solid", "superb")
    count = random.integers(0, 5, 300)
    rows = [{"text": f"item {at} was {words[k]} today", "label": f"{k + 1} stars"} for at, k in enumerate(count)]
    pl.DataFrame(rows).write_csv(tmp_path / "reviews.csv")
    raw = tiny_recipe("ngram").model_dump()
    raw["task"] = {"kind": "ordinal-text"}
    raw["data"], raw["evaluation"]["baseline"] = {"train": "reviews.csv"}, True
    recipe = parse_recipe(raw)
    assert not [one for one in limbeck.doctor(recipe, data=tmp_path) if one.level == "error"]
    done = limbeck.train(recipe, data=tmp_path, out=tmp_path / "b")
    assert done.metrics["accuracy"] > 0.9 and done.metrics["mean_steps_off"] < 0.1
    assert [row["name"] for row in done.baselines] == ["median class", "majority class"]
    assert "steps off" in (done.bundle / "report.html").read_text("utf-8")
    with limbeck.load(done.bundle) as classifier:
        assert classifier.classes == STARS
        assert classifier.predict(["it was superb", "it was usable", "it was broken"]) == ["good", "fair", "bad"]
    found = limbeck.predict(done.bundle, tmp_path / "reviews.csv", tmp_path / "out.csv", quiet=True)
    assert (found.rows, found.rejected) == (300, 0)
    right = [STARS[int(k > 1) + int(k > 2)] for k in count]
    assert np.mean([a == b for a, b in zip(pl.read_csv(tmp_path / "out.csv")["class"], right, strict=True)]) > 0.9
    again = limbeck.evaluate(done.bundle, tmp_path / "reviews.csv", bootstrap=5, train_data=tmp_path)
    assert again["mean_steps_off"] < 0.1 and again["baselines"][0]["name"] == "median class"


def test_a_task_goes_with_a_kind_that_was_added(monkeypatch, tmp_path):
    monkeypatch.setitem(TASKS, "ordinal", ORDINAL)
    monkeypatch.setitem(KINDS, "sequence", SEQUENCE)
    monkeypatch.setitem(NETWORKS, "mean-of-numbers", MeanOfNumbers)
    random = np.random.default_rng(0)
    count = random.integers(0, 5, 300)
    frame = pl.DataFrame(
        {
            "numbers": [" ".join(map(str, random.integers(0, 3, 9) + k)) for k in count],
            "label": [f"{k + 1} stars" for k in count],
        }
    )
    raw = {
        "task": {"kind": "ordinal-sequence", "input": "numbers"},
        "data": {"train": "rows.csv"},
        "student": {"network": "mean-of-numbers"},
        "training": {"epochs": 15, "learning_rate": 0.02, "batch_size": 16, "threads": 1, "device": "cpu"},
        "evaluation": {"bootstrap": 20},
        "export": {"int8": "never"},
    }
    done = limbeck.train(parse_recipe(raw), data=frame, out=tmp_path / "b")
    assert done.metrics["mean_steps_off"] < 0.4
    assert limbeck.load(done.bundle).predict(["0 0 1 0", "5 6 6 5"]) == ["bad", "good"]


def test_a_task_that_nobody_added_is_one_line(rows_folder, tmp_path):
    raw = {"task": {"kind": "anomly-table"}, "data": {"train": "reviews.csv"}, "student": {"network": "mlp"}}
    with pytest.raises(LimbeckError, match="unknown task 'anomly' in 'anomly-table'; did you mean 'anomaly-table'"):
        limbeck.train(parse_recipe(raw), data=rows_folder, out=tmp_path / "b")


def test_a_kind_that_nobody_added_is_one_line(rows_folder, tmp_path):
    raw = {"task": {"kind": "txt"}, "data": {"train": "reviews.csv"}, "student": {"network": "gru"}}
    line = "unknown kind 'txt'; did you mean 'text'"
    with pytest.raises(LimbeckError, match=line):
        limbeck.train(parse_recipe(raw), data=rows_folder, out=tmp_path / "b")
    assert any("unknown kind" in one.what for one in limbeck.doctor(parse_recipe(raw), data=rows_folder))
    raw["task"]["kind"] = "anomaly-text"
    with pytest.raises(LimbeckError, match="unknown kind 'anomaly-text'"):
        limbeck.train(parse_recipe(raw), data=rows_folder, out=tmp_path / "b")
