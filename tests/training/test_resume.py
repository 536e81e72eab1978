"""A run killed with SIGKILL at any point and resumed ends with the same weights, bit for bit, as one never killed."""

from pathlib import Path

import pytest
from safetensors.numpy import load_file

import limbeck
from limbeck.errors import LimbeckError
from limbeck.training.fit import checkpoint
from limbeck.training.train import work_folder
from small import tiny_recipe
from training.killed_runs import assert_same, trained_and_killed

RUNS = {
    # A GRU with dropout, augmentation and averaged weights.
    "gru": tiny_recipe(
        "gru",
        student={"dropout": 0.3, "token_dropout": 0.2, "layers": 2},
        training={
            "epochs": 2, "patience": 9, "batch_size": 32, "accumulate": 2, "average": 0.9, "checkpoint_every": 0,
            "schedule": "plateau", "augment": {"swap": 0.2, "delete": 0.1},
        },
    ),
    "lbfgs": tiny_recipe(
        "ngram",
        objective={"losses": {"hinge": 1.0}},
        training={"optimizer": "lbfgs", "epochs": 8, "patience": 12, "average": 0.9, "checkpoint_every": 0},
    ),
    "lbfgs-dropout": tiny_recipe(
        "ngram",
        student={"dropout": 0.3},
        training={"optimizer": "lbfgs", "epochs": 5, "patience": 12, "checkpoint_every": 0},
    ),
    "albert-bf16": tiny_recipe(
        "albert",
        student={"dropout": 0.2, "pooling": "attention"},
        training={"epochs": 2, "batch_size": 64, "precision": "bf16", "checkpoint_every": 0, "schedule": "linear"},
    ),
}  # fmt: skip
MOMENTS = {
    "gru": ("checkpoints:1", "checkpoints:4", "seconds:0.1", "export"),
    "lbfgs": ("checkpoints:1", "checkpoints:3", "seconds:0.05"),
    "lbfgs-dropout": ("checkpoints:2",),
    "albert-bf16": ("checkpoints:3",),
}


@pytest.fixture(scope="module")
def killed(rows_folder, tmp_path_factory) -> Path:
    """A folder with NAME/whole and NAME/cut, bundles of every recipe, and NAME/cut.log, what was said of the latter."""
    return trained_and_killed(rows_folder, tmp_path_factory.mktemp("killed"), RUNS, MOMENTS)


@pytest.mark.parametrize("name", RUNS)
def test_killed_runs_end_bit_for_bit_as_one_never_killed(name, killed):
    assert_same(killed / name, MOMENTS[name])


@pytest.mark.parametrize("network", ["ngram", "gru"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(network, bundles, rows_folder, tmp_path):
    again = limbeck.train(tiny_recipe(network), data=rows_folder, out=tmp_path / "again").bundle
    other = limbeck.train(tiny_recipe(network, training={"seed": 1}), data=rows_folder, out=tmp_path / "other").bundle
    first, second, third = (load_file(place / "weights.safetensors") for place in (bundles(network), again, other))
    assert all((first[name] == second[name]).all() for name in first)
    assert any((first[name] != third[name]).any() for name in first)
    assert (bundles(network) / "metrics.json").read_bytes() == (again / "metrics.json").read_bytes()


def test_the_recipe_in_a_bundle_gives_the_same_bundle_again(bundles, rows_folder, tmp_path):
    again = limbeck.train(bundles() / "recipe.toml", data=rows_folder, out=tmp_path / "again").bundle
    for name in ("weights.safetensors", "metrics.json", "recipe.toml", "model.onnx"):
        assert (again / name).read_bytes() == (bundles() / name).read_bytes(), name


@pytest.fixture
def stopped(rows_folder, tmp_path):
    """A run that broke off in the export, so that its checkpoint is still there."""
    out = tmp_path / "out"
    recipe = tiny_recipe(evaluation={"slices": ["no such column"]})
    with pytest.raises(LimbeckError, match="no column 'no such column'"):
        limbeck.train(recipe, data=rows_folder, out=out)
    assert (work_folder(out) / checkpoint.FILE).exists()
    assert not out.exists()
    return out, recipe


def test_a_checkpoint_of_another_recipe_or_other_rows_is_refused(stopped, rows_folder, tmp_path):
    out, recipe = stopped
    with pytest.raises(LimbeckError, match="belongs to another recipe or other data; train without --resume"):
        limbeck.train(tiny_recipe(training={"learning_rate": 0.01}), data=rows_folder, out=out, resume=True)
    lines = (rows_folder / "reviews.csv").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "reviews.csv").write_text("".join([*lines[:9], *lines[10:]]), encoding="utf-8")
    with pytest.raises(LimbeckError, match="belongs to another recipe"):
        limbeck.train(recipe, data=tmp_path, out=out, resume=True)


def test_a_checkpoint_of_other_valid_rows_is_refused(stopped, rows_folder, tmp_path):
    """Rows of valid have chosen the best epoch so far, though no weight depends on them."""
    out, recipe = stopped
    lines = (rows_folder / "reviews.csv").read_text("utf-8").splitlines(keepends=True)
    changed = next(at for at, line in enumerate(lines) if "valid" in line)
    for lost in (lines[changed].replace("valid", "test"), ""):
        (tmp_path / "reviews.csv").write_text("".join([*lines[:changed], lost, *lines[changed + 1 :]]), "utf-8")
        with pytest.raises(LimbeckError, match="belongs to another recipe or other data"):
            limbeck.train(recipe, data=tmp_path, out=out, resume=True)


def test_a_checkpoint_with_one_bit_changed_is_one_clear_line(stopped, rows_folder):
    out, recipe = stopped
    file = work_folder(out) / checkpoint.FILE
    right = file.read_bytes()
    for at in range(50, len(right), len(right) // 20):
        content = bytearray(right)
        content[at] ^= 4
        file.write_bytes(content)
        with pytest.raises(LimbeckError, match=r"the checkpoint (is damaged|cannot be read); train without --resume"):
            checkpoint.load(work_folder(out), "")
    file.write_bytes(right)
    with pytest.raises(LimbeckError, match="no column 'no such column'"):  # as far as it came before
        limbeck.train(recipe, data=rows_folder, out=out, resume=True)


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_damaged_checkpoint_is_one_clear_line(stopped, rows_folder, content):
    out, recipe = stopped
    file = work_folder(out) / checkpoint.FILE
    file.write_bytes(file.read_bytes()[:1000] if content is None else content)
    with pytest.raises(LimbeckError, match="the checkpoint cannot be read; train without --resume"):
        limbeck.train(recipe, data=rows_folder, out=out, resume=True)


def test_without_resume_an_old_checkpoint_is_not_looked_at(stopped, rows_folder, capsys):
    out, _ = stopped
    (work_folder(out) / checkpoint.FILE).write_bytes(b"rubbish")
    limbeck.train(tiny_recipe(), data=rows_folder, out=out)
    assert "resumed" not in capsys.readouterr().err
    assert not work_folder(out).exists()
