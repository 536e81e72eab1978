"""Rows without a recipe: what their columns are, which one is the label, and one clear line where nothing follows."""

import os
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from limbeck.dataset.automatic.columns import facts_of
from limbeck.dataset.automatic.commented import commented
from limbeck.dataset.automatic.file_names import tell_recordings
from limbeck.dataset.automatic.understand import understand
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.recipe import load_recipe
from limbeck.recipe.amounts import bytes_of, seconds_of
from pictures import class_folders

N = 200
RANDOM = np.random.default_rng(0)


def people(**more):
    names = [f"Smith{k}, Mr. Owen Harris" for k in range(N)]
    return pl.DataFrame(
        {
            "PassengerId": np.arange(1, N + 1), "Survived": RANDOM.integers(0, 2, N), "Name": names,
            "Sex": RANDOM.choice(["male", "female"], N), "Fare": RANDOM.gamma(2, 20, N).round(2),
            "Ticket": [f"A{k}" for k in range(N)], "Deck": ["C"] * N, **more,
        }
    )  # fmt: skip


def texts(label="sentiment"):
    words = ["good", "bad", "plot", "actor", "slow", "fun"]
    return pl.DataFrame(
        {
            "id": [f"r{k}" for k in range(N)],
            "review": ["this film was " + " ".join(RANDOM.choice(words, 12)) for _ in range(N)],
            label: RANDOM.choice(["positive", "negative"], N, p=[0.2, 0.8]),
        }
    )


def roles(frame):
    return {one.name: one.role for one in facts_of(frame)}


def test_columns_are_told_by_their_cells():
    frame = people(
        when=[f"2024-01-{k % 28 + 1:02d}" for k in range(N)], flag=["yes", "no"] * (N // 2),
        photo=[f"a/{k}.png" for k in range(N)], amount=[f"1,{k % 90:03d}" for k in range(N)], empty=[None] * N,
        said=["这家店的服务态度真的非常好，下次还来" + str(k) for k in range(N)],
    )  # fmt: skip
    assert roles(frame) == {
        "PassengerId": "identifier", "Survived": "number", "Name": "text", "Sex": "category", "Fare": "number",
        "Ticket": "identifier", "Deck": "constant", "when": "date", "flag": "flag", "photo": "file",
        "amount": "number", "empty": "empty", "said": "text",
    }  # fmt: skip


def test_a_table_with_names_in_it_is_no_table_of_texts():
    found = understand(people(), label="Survived")
    assert found.recipe.task.kind == "table"
    assert found.recipe.task.inputs == ["Sex", "Fare"]
    assert found.recipe.task.id == "PassengerId"
    left = next(line for line in found.lines if line.code == "automatic.left_out")
    assert set(left.values["columns"]) == {"Name", "Ticket", "PassengerId", "Deck"}


def test_texts_with_a_plain_label_need_no_word_from_the_user():
    found = understand(texts())
    assert (found.recipe.task.kind, found.recipe.task.inputs, found.recipe.task.label) == (
        "text",
        ["review"],
        "sentiment",
    )
    assert found.recipe.task.positive == "positive"  # the rarer one
    assert list(found.recipe.selection.candidates)


def test_a_split_column_and_groups_are_honoured():
    frame = texts().with_columns(split=pl.Series(["train"] * 120 + ["dev"] * 40 + ["test"] * 40))
    assert understand(frame).recipe.data.split == "split"
    grouped = people(patient_id=np.repeat(np.arange(40), 5), diagnosis=RANDOM.choice(["m", "b"], N)).drop("Survived")
    found = understand(grouped, label="diagnosis").recipe
    assert found.data.split.group == "patient_id"
    assert "patient_id" not in found.task.inputs


def test_a_column_that_is_the_label_in_other_words_is_left_out():
    frame = people(outcome=pl.Series(["no", "yes"] * (N // 2)), Survived=[0, 1] * (N // 2))
    found = understand(frame, label="Survived")
    assert "outcome" not in found.recipe.task.inputs
    assert any(line.code == "automatic.gives_away" for line in found.lines)


def test_rows_without_a_label_are_kept_as_such():
    frame = texts().with_columns(sentiment=pl.Series(["positive", "negative", None, "positive"] * (N // 4)))
    found = understand(frame)
    assert found.recipe.data.missing_labels == "unlabelled"
    assert found.sample.rows == N * 3 // 4


def test_rows_to_learn_from_that_are_all_of_one_class_are_normal():
    frame = people(label=["ok"] * 150 + ["ok", "bad"] * 25, split=["train"] * 140 + ["valid"] * 10 + ["test"] * 50)
    found = understand(frame, label="label").recipe
    assert (found.task.kind, found.task.normals, found.student.network) == ("anomaly-table", ["ok"], "outliers")


def test_only_a_column_that_is_called_so_is_the_label_of_rows_to_look_for_anomalies_in():
    found = understand(people().drop("Survived"), task="anomaly").recipe
    assert found.task.kind == "anomaly-table" and "Sex" in found.task.inputs
    named = people(label=["fraud"] * (N - 20) + ["Normal"] * 20)
    assert understand(named, task="anomaly").recipe.task.normals == ["Normal"]


@pytest.mark.parametrize(
    ("frame", "label", "line"),
    [
        (people(), None, "several columns could be the label: Survived, Sex; name one with --label"),
        (people(), "Survive", "no column 'Survive'; did you mean 'Survived'"),
        (people(), "PassengerId", "'PassengerId' has 200 different values in 200 rows: it names rows, not classes"),
        (people(), "Fare", "'Fare' is a number with [0-9]+ values; Limbeck tells classes apart; make classes of it"),
        (people(), "Deck", "all labels in 'Deck' are the same; a classifier needs two classes"),
        (people(x=[None] * N), "x", "the column 'x' is empty"),
        (pl.DataFrame({"a": RANDOM.random(50), "b": RANDOM.random(50)}), None, "no column is plainly the label"),
        (pl.DataFrame({"d": [f"2024-01-{k % 9 + 1:02d}" for k in range(50)], "y": ["k", "l"] * 25}), "y", "dates"),
        (pl.DataFrame({"y": ["k", "l"] * 25}), "y", "nothing is left to learn 'y' from"),
        (
            pl.DataFrame({**{f"f{k}": RANDOM.random(20) for k in range(5001)}, "y": ["k", "l"] * 10}), "y",
            "5,002 columns; at most 5,000 are looked at",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_is_one_clear_line(frame, label, line):
    with pytest.raises(LimbeckError, match=line) as error:
        understand(frame, label=label)
    assert "\n" not in str(error.value)


def test_folders_of_pictures_are_known_by_their_folders(tmp_path):
    class_folders(tmp_path / "plain", 12)
    found = understand(tmp_path / "plain")
    assert found.recipe.task.kind == "image"
    assert found.recipe.data.train == "."
    (tmp_path / "plain" / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(LimbeckError, match=r"holds pictures, and the table 'notes\.csv' that names none of them"):
        understand(tmp_path / "plain")


def test_a_folder_kept_for_validation_is_the_test(tmp_path):
    """Whoever has two folders has kept one apart with care; candidates are compared by cross-validation anyhow."""
    class_folders(tmp_path, 12, ("train", "val"))
    data = understand(tmp_path).recipe.data
    assert (data.train, data.test) == ("train", "val")
    class_folders(tmp_path / "three", 12, ("train", "val", "test"))
    assert understand(tmp_path / "three").recipe.data.train == "."


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("{track:05d}_{frame:05d}.png", True), ("patient{track}_slice{frame}.jpg", True), ("{track}-{frame}.png", True),
        ("{number}.png", False), ("img_{number}.png", False), ("track_{frame}.png", False),
        ("{number}_0.png", False),  # one frame each
    ],
)  # fmt: skip
def test_frames_of_one_recording_are_told_by_their_names(name, known):
    paths = [
        f"train/{label}/" + name.format(track=track, frame=frame, number=100 * track + frame)
        for label in ("stop", "give way") for track in range(6) for frame in range(4)
    ]  # fmt: skip
    assert tell_recordings(paths) is known
    assert not tell_recordings([path for path in paths if "5" not in path][:4])  # too few recordings to compare by


def test_frames_of_one_recording_stay_in_one_fold(tmp_path):
    for place, file in enumerate(sorted(class_folders(tmp_path, 24).rglob("*.*"))):
        file.rename(file.with_stem(f"{place // 3}_{place % 3}"))
    found = understand(tmp_path).recipe
    assert found.evaluation.group == "recording"
    rows = prepare(found, tmp_path)
    parts = rows.frame.select("recording", split=pl.Series(rows.split)).group_by("recording").n_unique()
    assert parts.height == 16
    assert (parts["split"] == 1).all()


def test_groups_beside_a_split_column_are_folds():
    rows = texts().with_columns(user=pl.Series([f"u{k // 4}" for k in range(N)]), split=pl.lit("train"))
    rows = rows.with_columns(split=pl.when(pl.int_range(N) >= 0.8 * N).then(pl.lit("test")).otherwise("split"))
    found = understand(rows, label="sentiment").recipe
    assert (found.data.split, found.evaluation.group) == ("split", "user")


def test_parts_that_are_files_of_their_own_are_read_as_such(tmp_path):
    frame = texts()
    frame[:150].write_csv(tmp_path / "train.csv")
    frame[150:].write_csv(tmp_path / "test.csv")
    found = understand(tmp_path).recipe
    assert (found.data.train, found.data.test) == ("train.csv", "test.csv")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("rows", [texts(), people(label=["a", "b"] * (N // 2)).drop("Survived")], ids=["text", "table"])
def test_the_recipe_that_is_written_says_why_and_is_the_same_recipe(rows, language, tmp_path):
    rows.write_csv(tmp_path / "rows.csv")
    found = understand(tmp_path / "rows.csv")
    written = commented(found, language)
    (tmp_path / "recipe.toml").write_text(written, encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.toml") == found.recipe
    keys = written[: written.find("\n[selection.candidates]")].splitlines()
    bare = [line for before, line in pairwise(keys) if " = " in line and line[0] != "#" and before[0] not in "#["]
    assert bare == []
    assert "automatic.key" not in written  # every key has its sentence


def test_broken_files_of_signals_and_pipes_are_one_line(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(LimbeckError, match="cannot be read as"):
        understand(tmp_path / "broken.npz")
    np.savez(tmp_path / "odd.npz", x=np.zeros((4, 64)), fs=np.array([1.0, 2.0]))
    with pytest.raises(LimbeckError, match=r"input\.signal\.rate"):
        understand(tmp_path / "odd.npz").recipe  # noqa: B018
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(LimbeckError, match="this is a pipe, not a file"):
        understand(tmp_path / "pipe.npz")
    (tmp_path / "ucr").mkdir()
    row = "\t".join(["1", *["0.5"] * 9000])  # longer than what is read at once
    (tmp_path / "ucr" / "S_TRAIN.tsv").write_bytes((row + "\n" + row).encode() + b"\t\xff\n")
    assert understand(tmp_path / "ucr").sample.rows == 2  # the reader says what is wrong with a cell


def test_more_rows_than_are_looked_at_are_said_to_be_more(tmp_path):
    count = 70_000
    pl.DataFrame({"a": np.arange(count) % 90, "label": ["x", "y"] * (count // 2)}).write_csv(tmp_path / "rows.csv")
    assert str(understand(tmp_path / "rows.csv").lines[0]) == "57,344 rows and more, 2 columns"


def test_limits_are_read_with_their_units():
    assert [seconds_of(text) for text in ("90s", "5m", "1h", 30)] == [90.0, 300.0, 3600.0, 30.0]
    assert [bytes_of(text) for text in ("500KB", "5 MB")] == [5e5, 5e6]
    for bad in ("soon", "0s", "-1m", "5 years"):
        with pytest.raises(LimbeckError, match="give a time such as 90s, 5m or 1h"):
            seconds_of(bad)
