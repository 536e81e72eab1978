"""Shards on a real Ray cluster of this machine, started once."""

import contextlib
import sys

import pytest

import limbeck
from limbeck.errors import LimbeckError
from limbeck.recipe import parse_recipe
from limbeck.scale import ray_tasks
from limbeck.scale.predict_shards import predict_shards
from limbeck.scale.teachers_on_ray import OnRay, teachers_on_ray
from limbeck.scale.trials import trials_on
from limbeck.teachers import open_teacher
from limbeck.training.search.tune import tune
from scale.conftest import contents, write_shards
from small import tiny_recipe, write_recipe


def test_where_ray_is_not_installed_the_extra_is_named(bundle, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    write_shards(tmp_path / "in", 1)
    with pytest.raises(LimbeckError, match=r"needs the package 'ray'.*\[scale\]"):
        predict_shards(bundle, tmp_path / "in", tmp_path / "out", on="ray")


def test_a_node_with_other_versions_is_named():
    with pytest.raises(LimbeckError, match=r"has polars .*, the job began with 0\.1"):
        ray_tasks.refuse_others({**ray_tasks.versions(), "polars": "0.1"})
    ray_tasks.refuse_others(ray_tasks.versions())


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="ray is not installed: the cluster is not tested (extra scale)")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


def test_a_cluster_gives_the_bytes_of_one_machine_and_one_line_where_it_stands_still(cluster, bundle, tmp_path):
    shards = write_shards(tmp_path / "in", 4)
    (shards / "part-02.parquet").write_bytes(b"PAR1 no table PAR1")
    asked = {"progress": lambda event: None}
    with pytest.raises(LimbeckError, match="1 of 4 shards have no answers"):
        predict_shards(bundle, shards, tmp_path / "out", on="ray", cpus=0.5, **asked)
    write_shards(tmp_path / "good", 4)
    done = predict_shards(bundle, tmp_path / "good", tmp_path / "far", on="ray", cpus=0.5, **asked)
    predict_shards(bundle, tmp_path / "good", tmp_path / "near", on="processes:1", **asked)
    assert contents(tmp_path / "far") == contents(tmp_path / "near")
    assert done.answered_now == 4 * 40 - 1
    with pytest.raises(LimbeckError, match=r"no row for 2 s; .* a task asks for 64"):
        predict_shards(bundle, tmp_path / "good", tmp_path / "never", on="ray", cpus=64, stall=0.4, **asked)


def test_teachers_are_asked_on_the_cluster_once_a_row_and_the_student_is_that_of_one_machine(
    cluster, bundle, rows_folder, tmp_path, monkeypatch
):
    teachers = [{"name": "first", "source": f"bundle:{bundle}", "batch_size": 32}]
    recipe = tiny_recipe("ngram", objective={"losses": {"distil": 1.0}}).model_dump(mode="json", exclude_unset=True)
    recipe = parse_recipe({**recipe, "teachers": teachers})
    weights = {}
    for where in ("here", "there"):
        monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / where))
        with teachers_on_ray(cpus=0.5) if where == "there" else contextlib.nullcontext():
            opened = open_teacher(recipe.teachers[0], ("bad", "good"), task=recipe.task)
            assert isinstance(opened, OnRay) == (where == "there")
            made = limbeck.train(recipe, data=rows_folder, out=tmp_path / f"{where}-bundle").bundle
        weights[where] = (made / "weights.safetensors").read_bytes()
        kept = {file.name: file.read_bytes() for file in (tmp_path / where).rglob("*.answers")}
        assert len(kept) == 1
        weights[f"{where} kept"] = kept
    assert weights["here"] == weights["there"]
    assert weights["here kept"] == weights["there kept"]


def test_trials_on_the_cluster_are_those_of_one_machine(cluster, rows_folder, tmp_path):
    space = {"training.learning_rate": {"low": 1e-3, "high": 0.2, "log": True}}
    recipe = tiny_recipe(training={"epochs": 2, "threads": 1}, tune={"trials": 4, "parallel": 2, "space": space})
    file = write_recipe(tmp_path / "r.toml", recipe)
    here = tune(file, out=tmp_path / "here", data=rows_folder)
    with trials_on("ray", cpus=0.5):
        there = tune(file, out=tmp_path / "there", data=rows_folder)
    assert here.trials == there.trials
    assert here.best.read_bytes() == there.best.read_bytes()
