"""Models in the registry are verified copies that never change; one of their versions is in use."""

import json
import threading

import pytest
from click.testing import CliRunner

import limbeck
from limbeck import model_names, registry
from limbeck.cli.main import main
from limbeck.errors import LimbeckError
from limbeck.model_names import UnknownModelError
from small import limbeck as command
from small import tiny_recipe


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty registry."""
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


@pytest.fixture(scope="module")
def others(rows_folder, tmp_path_factory):
    """Three bundles that differ by their seed."""
    folder = tmp_path_factory.mktemp("others")
    return [
        limbeck.train(
            tiny_recipe(training={"seed": seed, "epochs": 1}), data=rows_folder, out=folder / str(seed)
        ).bundle
        for seed in range(3)
    ]


def test_the_first_version_comes_into_use_and_later_ones_when_promoted(others, home):
    first = registry.add(others[0], "reviews")
    second = registry.add(others[1], "reviews")
    assert (first.current, second.current) == (True, False)
    assert first.path == home / "reviews" / first.version
    assert limbeck.load("models:reviews").version == first.version
    assert limbeck.load(f"models:reviews@{second.version[:6]}").version == second.version
    assert registry.promote(f"reviews@{second.version}").current
    assert limbeck.load("models:reviews").version == second.version
    assert [model.version for model in registry.models("reviews") if model.current] == [second.version]
    assert registry.add(others[2], "reviews", promote=True).current
    assert {model.name for model in registry.models()} == {"reviews"}


def test_a_version_that_is_there_stays_as_it_is_and_is_read_only(others):
    first = registry.add(others[0], "reviews")
    before = {file.name: file.stat().st_mtime_ns for file in first.path.iterdir()}
    assert registry.add(others[0], "reviews") == first
    assert registry.add(first.path, "reviews") == first
    assert {file.name: file.stat().st_mtime_ns for file in first.path.iterdir()} == before
    assert all(file.stat().st_mode & 0o222 == 0 for file in first.path.iterdir())


def test_rollback_goes_back_one_version_after_the_other(others):
    versions = [registry.add(bundle, "reviews", promote=True).version for bundle in others]
    assert registry.rollback("reviews").version == versions[1]
    assert registry.rollback("reviews").version == versions[0]
    with pytest.raises(LimbeckError, match=r"^models:reviews: no other version was in use before"):
        registry.rollback("reviews")
    registry.promote(f"reviews@{versions[2]}")
    assert registry.rollback("reviews").version == versions[0]
    steps = model_names.history("reviews")
    assert [step.by for step in steps] == ["promote"] * 3 + ["rollback"] * 2 + ["promote", "rollback"]


def test_a_version_that_was_removed_is_skipped_by_rollback(others):
    first, second, third = [registry.add(bundle, "reviews", promote=True).version for bundle in others]
    registry.remove(f"reviews@{second}")
    assert registry.rollback("reviews").version == first
    with pytest.raises(LimbeckError, match="no other version was in use before"):
        registry.rollback("reviews")
    registry.promote(f"reviews@{third}")
    assert registry.rollback("reviews").version == first


def test_what_is_in_use_is_not_removed_and_what_is_removed_is_unknown(others, home):
    first, second = [registry.add(bundle, "reviews") for bundle in others[:2]]
    with pytest.raises(LimbeckError, match="this version is in use; promote another"):
        registry.remove(f"reviews@{first.version}")
    registry.remove(f"reviews@{second.version}")
    assert [model.version for model in registry.models()] == [first.version]
    registry.remove("reviews")
    assert registry.models() == []
    for name in ("models:reviews", f"models:reviews@{first.version}"):
        with pytest.raises(UnknownModelError, match=r"^models: there is no model 'reviews'") as caught:
            limbeck.load(name)
        assert caught.value.code == "unknown-model"
    assert [file.name for file in home.iterdir()] == []


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/b", "a\\b", ".hidden", "a..b", "a.", "a\0b", "a\nb", "a:b", "a b", "x" * 101, "-a"],
)
def test_hostile_names_are_one_line(name, others, home):
    for call in (lambda: registry.add(others[0], name), lambda: limbeck.load(f"models:{name}")):
        with pytest.raises(LimbeckError, match="is not a valid model name") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert not home.exists()


def test_hostile_versions_are_one_line(others):
    registry.add(others[0], "reviews")
    for version in ("", "..", "../../x", "xyz", "abc", "A" * 16, "0" * 17):
        with pytest.raises(LimbeckError, match="is not a version"):
            limbeck.load(f"models:reviews@{version}")
    with pytest.raises(UnknownModelError, match="there is no version 0000"):
        limbeck.load("models:reviews@0000")
    with pytest.raises(UnknownModelError, match=r"there is no model 'review'; did you mean 'reviews'\?"):
        limbeck.load("models:review")


def test_a_damaged_bundle_is_not_added_and_a_damaged_version_not_promoted(others, own_bundle, home):
    (own_bundle / "model.onnx").write_bytes(b"other")
    with pytest.raises(LimbeckError, match="damaged"):
        registry.add(own_bundle, "reviews")
    assert registry.models() == []
    registry.add(others[0], "reviews")
    second = registry.add(others[1], "reviews")
    (second.path / "model.onnx").chmod(0o644)
    (second.path / "model.onnx").write_bytes(b"other")
    with pytest.raises(LimbeckError, match="damaged"):
        registry.promote(f"reviews@{second.version}")
    (home / "reviews" / "current.json").write_text('{"history": 3}')
    with pytest.raises(LimbeckError, match=r"current\.json: cannot be read; delete it, and promote a version again"):
        limbeck.load("models:reviews")


def test_a_history_that_leads_elsewhere_is_not_followed(others, home):
    registry.add(others[0], "reviews")
    steps = [{"version": "../../../etc", "at": "", "by": "promote"}]
    (home / "reviews" / "current.json").write_text(json.dumps({"history": steps}))
    with pytest.raises(UnknownModelError, match="no version is in use; run limbeck models promote reviews@VERSION"):
        limbeck.load("models:reviews")


def test_many_may_write_one_name_while_others_read_it(others):
    versions = {registry.add(bundle, "reviews").version for bundle in others}
    failed, done = [], threading.Event()

    def read():
        while not done.is_set():
            try:
                assert model_names.current_version("reviews") in versions
            except BaseException as error:
                failed.append(error)
                return

    def write(bundle, version):
        try:
            for _ in range(5):
                registry.add(bundle, "reviews")
                registry.promote(f"reviews@{version}")
        except BaseException as error:
            failed.append(error)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=pair) for pair in zip(others, sorted(versions), strict=True)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not failed
    assert len(model_names.history("reviews")) == 1 + 3 * 5


def test_what_a_killed_copy_left_is_cleared_away(others, home):
    first = registry.add(others[0], "reviews")
    left = home / "reviews" / f".{first.version}.0123abcd.part"
    left.mkdir()
    registry.add(others[0], "reviews")
    assert not left.exists()


def test_verbs_take_models_by_name(others, rows_folder, tmp_path):
    def told(*words):
        result = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=True)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    data = rows_folder / "reviews.csv"
    for bundle in others[:2]:
        added = told("models", "add", bundle, "reviews")
    second = added.split("@")[1][:16]
    listed = json.loads(told("models", "list", "--json"))
    assert [(model["version"] == second, model["current"]) for model in listed].count((True, False)) == 1
    assert "reviews" in told("models", "list", "reviews")
    told("predict", "models:reviews", data, tmp_path / "out.csv")
    assert json.loads(told("evaluate", f"models:reviews@{second}", data, "--json"))["n"] == 400
    assert f"reviews@{second}" in json.loads(told("models", "compare", "reviews", second, data, "--json"))["models"]
    assert ": in use:" in told("models", "promote", f"reviews@{second}")
    assert second not in told("models", "rollback", "reviews")
    told("models", "remove", f"reviews@{second}")
    assert CliRunner().invoke(main, ["models", "remove", "reviews"]).exit_code == 2
    told("models", "remove", "reviews", "--all")
    wrong = command("evaluate", "models:nothing", data, LIMBECK_HOME=str(tmp_path / "home"))
    assert (wrong.returncode, wrong.stderr) == (2, "error: models: there is no model 'nothing'; there is none\n")


def test_name_and_bundle_the_wrong_way_round_is_told(others):
    result = command("models", "add", "reviews", others[0])
    assert result.returncode == 2
    assert f"write limbeck models add {others[0]} reviews" in result.stderr.replace("\n", " ")
