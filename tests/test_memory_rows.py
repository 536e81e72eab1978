"""Rows in memory stand wherever a file does, and give what a file with the same rows gives."""

import numpy as np
import polars as pl
import pytest

import limbeck
import pictures
from limbeck.errors import LimbeckError
from limbeck.recipe import parse_recipe
from small import reviews, tiny_recipe

pd = pytest.importorskip("pandas")
ROWS = reviews(400)
QUICK = [
    "evaluation.bootstrap=20", "evaluation.leave_out.folds=2", "selection.folds=2",
    "selection.candidates.network.training.epochs=3",
]  # fmt: skip
FORMS = {"polars": pl.DataFrame, "pandas": pd.DataFrame, "dicts": list, "columns": lambda rows: _columns(rows)}


def _columns(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def weights(bundle):
    return (bundle / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_a_recipe_trains_on_rows_in_memory_as_on_a_file(form, bundles, tmp_path):
    trained = limbeck.train(tiny_recipe(), data=FORMS[form](ROWS), out=tmp_path / "bundle")
    assert weights(trained.bundle) == weights(bundles())
    assert trained.judged_on == "test"


def test_a_run_on_rows_in_memory_is_resumed(bundles, tmp_path):
    def late(event):
        if event.stage == "fit" and event.done > 5:
            token.cancel()

    token = limbeck.Token()
    with pytest.raises(limbeck.Cancelled):
        limbeck.train(tiny_recipe(), data=ROWS, out=tmp_path / "bundle", progress=late, cancel=token)
    limbeck.train(tiny_recipe(), data=ROWS, out=tmp_path / "bundle", resume=True)
    assert weights(tmp_path / "bundle") == weights(bundles())


def test_evaluate_and_compare_give_what_they_give_of_the_file(bundles, rows_folder):
    file, frame = rows_folder / "reviews.csv", pl.DataFrame(ROWS)
    how = {"where": {"split": "test"}, "bootstrap": 20}
    of_file, of_rows = (limbeck.evaluate(bundles(), data, **how) for data in (file, frame))
    assert {name for name in of_file if of_file[name] != of_rows[name]} <= {"slices", "findings", "messages"}
    of_file, of_rows = (limbeck.compare([bundles(), bundles("gru")], data, **how) for data in (file, frame))
    assert of_file["models"] == of_rows["models"] and of_file["pairs"] == of_rows["pairs"]


def test_predict_returns_a_frame_where_no_output_is_named(bundles, rows_folder, tmp_path):
    limbeck.predict(bundles(), rows_folder / "reviews.csv", tmp_path / "file.csv", quiet=True)
    found = limbeck.predict(bundles(), pl.DataFrame(ROWS), quiet=True)
    assert found.columns == ["id", "label", "class", "probability", "error"]
    of_file = pl.read_csv(tmp_path / "file.csv", schema_overrides={"label": pl.String})
    assert found["class"].to_list() == of_file["class"].to_list()
    assert np.allclose(found["probability"], of_file["probability"], atol=1e-6)
    done = limbeck.predict(bundles(), pd.DataFrame(ROWS), tmp_path / "rows.csv", quiet=True)
    assert (done.rows, done.rejected) == (400, 0)
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "file.csv").read_bytes()


def test_rows_without_an_answer_say_why_and_are_counted_from_0(bundles, tmp_path):
    texts = ["物流很快", "", None, "质量太差"]
    found = limbeck.predict(bundles(), texts, quiet=True)
    assert found.columns == ["row", "label", "class", "probability", "error"]
    assert found["row"].to_list() == [0, 1, 2, 3]
    assert found["class"].is_null().to_list() == [False, True, True, False]
    assert found["error"].to_list() == [None, "the text is empty", "the text is empty", None]
    rows = [{"text": text, "note": number} for number, text in enumerate(texts)]
    asked = limbeck.predict(bundles(), rows, columns=["note", "p:good", "error"], quiet=True)
    assert asked["note"].to_list() == [0, 1, 2, 3] and asked["p:good"].null_count() == 2
    limbeck.predict(bundles(), rows, tmp_path / "out.csv", columns=["row", "class"], quiet=True)
    assert [line.split(",")[0] for line in (tmp_path / "out.csv").read_text().splitlines()] == ["row", "0", "3"]
    refused = (tmp_path / "out.csv.rejected.csv").read_text().splitlines()
    assert refused[1:] == ["DataFrame,1,the text is empty", "DataFrame,2,the text is empty"]


def test_messages_name_rows_by_their_place_from_0(bundles, tmp_path):
    wrong = [{**row, "label": "7" if at == 3 else row["label"]} for at, row in enumerate(ROWS)]
    with pytest.raises(LimbeckError, match=r"^DataFrame, row 3, column 'label': "):
        limbeck.evaluate(bundles(), wrong)
    with pytest.raises(LimbeckError, match=r"^DataFrame, row 3, column 'label': "):
        limbeck.train(tiny_recipe(), data=wrong, out=tmp_path / "bundle")
    with pytest.raises(LimbeckError, match=r"^DataFrame: there is no column 'text'; did you mean 'texts'\?"):
        limbeck.predict(bundles(), pl.DataFrame({"texts": ["物流很快"]}))
    with pytest.raises(LimbeckError, match="expected a path, a DataFrame or a list of dicts, got int"):
        limbeck.evaluate(bundles(), 3)
    with pytest.raises(LimbeckError, match="name an output for the answers to a file"):
        limbeck.predict(bundles(), tmp_path / "in.csv")


def test_texts_without_a_recipe_get_an_ngram_model(tmp_path):
    frame = pl.DataFrame(ROWS).rename({"label": "情感"})
    trained = limbeck.train(frame, label="情感", out=tmp_path / "bundle", settings=["evaluation.bootstrap=20"])
    assert trained.metrics["accuracy"] > 0.8
    assert trained.judged_on == "test"  # of the column split
    with limbeck.load(trained.bundle) as classifier:
        assert classifier.manifest.network == "ngram"
        assert classifier.manifest.task.inputs == ["text"]
        assert set(classifier.classes) == {"0", "1"}


def test_a_table_without_a_recipe_is_compared_on_small_models(tmp_path):
    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(300, 3)), columns=["a", "b", "c"])
    rows["kind"] = random.choice(["x", "y"], 300)
    rows["label"] = np.where(rows["a"] > rows["b"], "up", "down")
    trained = limbeck.train(rows, label="label", out=tmp_path / "bundle", settings=QUICK)
    assert trained.metrics["accuracy"] > 0.8
    with limbeck.load(trained.bundle) as classifier:
        assert classifier.manifest.network in ("blend", "linear", "mlp", "trees")
        assert classifier.manifest.task.inputs == ["a", "b", "c", "kind"]
    found = limbeck.predict(trained.bundle, rows.iloc[:5])
    assert found["class"].null_count() == 0


def test_rows_are_given_once(tmp_path):
    with pytest.raises(LimbeckError, match="rows are given twice"):
        limbeck.train(ROWS, data=ROWS, out=tmp_path / "bundle")
    with pytest.raises(LimbeckError, match="label is for rows without a recipe"):
        limbeck.train(tiny_recipe(), data=ROWS, label="label", out=tmp_path / "bundle")


def test_pictures_in_a_frame_are_named_by_path(tmp_path, monkeypatch):
    pictures.class_folders(tmp_path / "pictures", 24)
    monkeypatch.chdir(tmp_path)
    rows = [
        {"path": str(file.relative_to(tmp_path)), "label": file.parent.name}
        for file in sorted((tmp_path / "pictures").rglob("*.png"))
    ]
    recipe = pictures.tiny()
    trained = limbeck.train(recipe, data=pl.DataFrame(rows), out=tmp_path / "bundle")
    found = limbeck.predict(trained.bundle, [row["path"] for row in rows[:3]] + ["nothing.png"], quiet=True)
    assert found["class"].is_null().to_list() == [False, False, False, True]
    assert limbeck.evaluate(trained.bundle, rows, bootstrap=20)["n"] == len(rows)


def test_windows_of_signals_in_a_frame(tmp_path):
    random = np.random.default_rng(0)
    shape = np.sin(np.linspace(0, 2 * np.pi, 128))
    high = np.arange(200) % 2
    windows = (shape * (1 + high[:, None]) + random.normal(0, 0.05, (200, 128))).astype(np.float32)
    rows = pl.DataFrame(
        {
            "signal": windows,
            "label": [("low", "high")[index] for index in high],
            "patient": [f"p{at % 20}" for at in range(200)],
        }
    )
    recipe = parse_recipe(
        {
            "task": {"kind": "signal"},
            "data": {"train": "rows", "split": {"valid": 0.2, "test": 0.2, "group": "patient"}},
            "input": {"signal": {"scale": "none", "record": False, "rhythm": False}},
            "student": {"network": "cnn-lstm"},
            "training": {"epochs": 1, "batch_size": 32, "threads": 1, "device": "cpu", "precision": "fp32"},
            "evaluation": {"bootstrap": 20, "baseline": False},
            "export": {"int8": "never"},
        }
    )
    trained = limbeck.train(recipe, data=rows, out=tmp_path / "bundle")
    found = limbeck.predict(trained.bundle, rows, columns=["row", "patient", "class"], quiet=True)
    assert found["class"].null_count() == 0 and found["patient"].to_list() == rows["patient"].to_list()
    assert limbeck.evaluate(trained.bundle, rows, bootstrap=20)["n"] == 200
