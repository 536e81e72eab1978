"""Accuracy under attack is measured on the judged rows, stands in the metrics, and is said in both languages."""

import json

import limbeck
from limbeck.messages.message import render
from limbeck.training.adversarial_accuracy import under_attack
from pictures import class_folders, tiny


def test_a_run_measures_it_and_the_report_says_it(tmp_path):
    recipe = tiny(
        evaluation={"adversary": {"epsilon": 100, "steps": 5}, "bootstrap": 0}, training={"epochs": 3, "batch_size": 8}
    )
    done = limbeck.train(recipe, data=class_folders(tmp_path / "p", each=30), out=tmp_path / "bundle")
    found = json.loads((done.bundle / "metrics.json").read_text("utf-8"))["test"]["robust"]
    assert found["n"] == done.metrics["n"]
    assert (found["epsilon"], found["steps"]) == (100.0, 5)
    assert found["accuracy"] < found["clean"]  # red can be painted blue with a hundred levels
    page = (done.bundle / "report.html").read_text("utf-8")
    (said,) = under_attack(done.metrics)
    assert said in page
    assert render(said, "zh") in page
    assert render(said, "zh") != said


def test_nothing_is_said_where_nothing_was_measured():
    assert under_attack({"accuracy": 1.0}) == []
