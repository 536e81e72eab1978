"""A bundle that gives several labels behind the server: the labels that it gives from Python, by both doors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import limbeck
from limbeck.serving.child import Child, serving
from serving.conftest import ask
from several import tagged_texts

TEXTS = ["sweet juicy, cheap money", "from the shop again", ""]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("several") / "subjects"
    settings = ["evaluation.baseline=false", "evaluation.bootstrap=0"]
    return limbeck.train(tagged_texts(240), label="tags", out=out, settings=settings).bundle


@pytest.fixture(scope="module")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    log = tmp_path_factory.mktemp("serving") / "several.log"
    with serving([f"subjects={bundle}"], "--workers", "1", log=log) as child:
        yield child


def test_both_doors_give_the_labels_of_the_bundle(server: Child, bundle: Path):
    with limbeck.load(bundle) as opened:
        wanted, p = opened.predict(TEXTS[:2]), opened.predict_proba(TEXTS[:2])
    plain = ask(server.address, "/predict", {"texts": TEXTS}).json
    assert [tuple(one["labels"]) for one in plain["predictions"][:2]] == wanted
    assert plain["predictions"][0]["probabilities"]["taste"] == pytest.approx(float(p[0, 2]), abs=1e-5)
    assert plain["predictions"][2]["labels"] is None
    assert plain["predictions"][2]["error"]
    assert set(plain["thresholds"]) == {"delivery", "price", "taste"}
    body = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": TEXTS[:2]}]}
    told = {one["name"]: one for one in ask(server.address, "/v2/models/subjects/infer", body).json["outputs"]}
    assert told["label"]["data"] == ["price|taste", "-"]
    assert told["probabilities"]["shape"] == [2, 3]


def test_a_threshold_stands_for_that_of_all_labels_and_explanations_are_refused(server: Child):
    every = ask(server.address, "/predict", {"texts": TEXTS[:1], "threshold": 0.0, "top": 1}).json["predictions"][0]
    assert (len(every["labels"]), len(every["probabilities"])) == (3, 1)
    refused = ask(server.address, "/predict", {"texts": TEXTS[:1], "explain": True})
    assert refused.status == 400
    assert "several labels" in refused.json["error"]
