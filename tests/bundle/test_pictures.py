"""A bundle of pictures answers what training saw, bit by bit, through every door; what cannot be read is named."""

import csv
import json
import shutil

import numpy as np
import polars as pl
import pytest
from PIL import Image

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.training_hashes import hashes_of, read_seen
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.image.reading.files import HASH, pictures_of
from limbeck.kinds.select import encode, values_of
from limbeck.recipe import parse_recipe
from pictures import bad_files, class_folders, square, tiny
from small import limbeck as command
from small import python, write_csv


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("pictures"), 20)


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    recipe = tiny(input={"convention": "imagenet"}, training={"epochs": 5})
    return limbeck.train(recipe, data=folder, out=tmp_path_factory.mktemp("bundle") / "squares").bundle


@pytest.fixture(scope="module")
def classifier(bundle):
    with Classifier(bundle) as opened:
        yield opened


def cells(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def predict(bundle, source, output, **options):
    return limbeck.predict(bundle, source, output, quiet=True, **options)


def test_the_student_tells_the_squares_apart(bundle):
    assert json.loads((bundle / "metrics.json").read_text())["test"]["accuracy"] == 1.0


def test_serving_feeds_the_network_the_very_numbers_that_training_did(bundle, classifier, folder):
    recipe = tiny(input={"convention": "imagenet"})
    rows = prepare(recipe, folder)
    trained = ImageInput.fit(recipe.input, values_of(rows.frame, recipe.task))
    which = np.arange(len(rows.labels))
    seen = trained.batch(encode(trained, values_of(rows.frame, recipe.task)), which)["pixels"]
    paths = [str(folder / path) for path in rows.texts]
    served = classifier.encoder.batch(classifier.encode(pictures_of(rows.frame, recipe.task)), which)["pixels"]
    assert served.tobytes() == seen.tobytes()
    in_memory = [np.asarray(Image.open(path)) for path in paths]
    answers = classifier.predict_proba(paths)
    assert answers.tobytes() == classifier.predict_proba(in_memory).tobytes()


def test_paths_images_and_arrays_get_the_same_answer(classifier, folder):
    file = folder / "red" / "00.png"
    image = Image.open(file)
    answers = classifier.predict_proba([str(file), file, image, np.asarray(image)])
    assert answers.shape == (4, 2)
    assert (answers == answers[0]).all()
    assert classifier.predict([file]) == ["red"]
    assert classifier.predict_proba([]).shape == (0, 2)


def test_an_answer_does_not_depend_on_the_rest_of_its_batch(classifier, folder):
    files = sorted(folder.rglob("*.png"))
    together = classifier.predict_proba(files)
    alone = np.concatenate([classifier.predict_proba([file]) for file in files])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_what_is_no_picture_is_one_line(classifier, tmp_path):
    bad_files(tmp_path)
    for values, said in (
        ("a.png", "expected a list of pictures"), ([3], "value 0: expected a path,.*, got int"),
        ([tmp_path / "cut.jpg"], r"cut\.jpg: damaged or truncated"), (["nowhere.png"], "nowhere.png: there is no such"),
        ([np.zeros((3, 3))], "value 0: an array of float64"),
        (np.zeros((9, 9, 3), dtype=np.uint8), "expected a list of pictures"),
        (pl.DataFrame({"file": ["a.png"]}), "no column 'path'"),
    ):  # fmt: skip
        with pytest.raises(LimbeckError, match=said):
            classifier.predict_proba(values)


def test_the_bundle_needs_no_torch(bundle, folder):
    code = (
        "import sys, limbeck; c = limbeck.load(sys.argv[1]); print(c.predict([sys.argv[2]])[0]); "
        "assert 'torch' not in sys.modules"
    )
    done = python(code, bundle, folder / "blue" / "01.jpg")
    assert done.stdout.split() == ["blue"], done.stderr


def test_a_folder_is_answered_sorted_and_what_cannot_be_read_is_named(bundle, folder, tmp_path):
    mess = tmp_path / "mess"
    shutil.copytree(folder, mess)
    said = bad_files(mess / "red")
    (mess / "blue" / "notes.txt").write_text("about these pictures")
    (mess / "index.csv").write_text("path\nx.png\n")
    (mess / ".hidden.png").write_bytes(b"")
    done = predict(bundle, mess, mess / "out.csv")
    assert (done.rows, done.rejected) == (40, 6)
    rows = cells(mess / "out.csv")
    assert rows[0] == ["path", "label", "class", "probability"]
    assert [row[0] for row in rows[1:]] == sorted(row[0] for row in rows[1:])
    assert all(row[0].startswith(row[2]) for row in rows[1:])
    rejected = cells(mess / "out.csv.rejected.csv")
    reasons = {row[2].partition(":")[0]: row[2] for row in rejected[1:]}
    assert set(reasons) == {"blue/notes.txt", *(f"red/{name}" for name in said)}
    for name, reason in said.items():
        assert reason in reasons[f"red/{name}"]
    # Again: the output of the first run is no picture of the second.
    assert predict(bundle, mess, mess / "out.csv").rejected == 6


def test_a_table_keeps_its_order_and_columns(bundle, folder, tmp_path):
    rows = [{"path": f"red/{n:02d}.png", "who": f"w{n}"} for n in (8, 2, 4)]
    rows.insert(1, {"path": "red/99.png", "who": "nobody"})
    rows.append({"path": str(folder / "blue" / "00.png"), "who": "far"})
    table = write_csv(folder / "rows.csv", rows)
    try:
        done = predict(bundle, table, tmp_path / "out.csv", columns=["row", "path", "who", "class", "p:red"])
    finally:
        table.unlink()
    found = cells(tmp_path / "out.csv")
    assert [row[:3] for row in found[1:]] == [
        ["1", "red/08.png", "w8"], ["3", "red/02.png", "w2"], ["4", "red/04.png", "w4"],
        ["5", str(folder / "blue" / "00.png"), "far"],
    ]  # fmt: skip
    assert (done.rows, done.rejected) == (4, 1)
    assert cells(tmp_path / "out.csv.rejected.csv")[1] == [
        "rows.csv", "2", "red/99.png: there is no such file; check the path",
    ]  # fmt: skip


def test_evaluate_reads_class_folders_and_tables(bundle, folder, tmp_path):
    whole = limbeck.evaluate(bundle, folder, report=tmp_path / "report.html", bootstrap=20)
    assert whole["n"] == 40
    rows = [{"path": str(folder / name / "03.jpg"), "label": name} for name in ("red", "blue")]
    rows.append({"path": "gone.png", "label": "red"})
    found = limbeck.evaluate(bundle, write_csv(tmp_path / "index.csv", rows), bootstrap=20)
    assert found["n"] == 2
    assert any("gone.png: there is no such file" in line for line in found["findings"])
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "data:image" not in page


def test_the_worst_errors_are_shown_by_path_only(bundle, folder, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(folder, wrong)
    (wrong / "red" / "odd.png").write_bytes((wrong / "blue" / "00.png").read_bytes())
    limbeck.evaluate(bundle, wrong, report=tmp_path / "report.html", bootstrap=20)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "red/odd.png" in page
    assert str(wrong / "red") not in page
    assert "<img" not in page


def test_seen_rows_are_told_by_content_not_by_name(bundle, folder):
    recipe = tiny()
    rows = prepare(recipe, folder)
    learned = rows.frame.filter(pl.Series(rows.split != "test"))
    assert set(hashes_of(learned[HASH])) == set(read_seen(bundle).tolist())


def test_the_saved_recipe_trains_the_same_again(bundle, folder, tmp_path):
    again = limbeck.train(bundle / "recipe.toml", data=folder, out=tmp_path / "again").bundle
    assert (again / "model.onnx").read_bytes() == (bundle / "model.onnx").read_bytes()


def test_bundles_of_pictures_can_teach(bundle, folder, tmp_path):
    raw = tiny().model_dump(mode="json", exclude_none=True)
    teachers = [{"name": name, "source": f"bundle:{bundle}"} for name in ("first", "second")]
    raw |= {"teachers": teachers, "objective": {"losses": {"distil": 1.0}}}
    recipe = parse_recipe(raw)
    result = limbeck.train(recipe, data=folder, out=tmp_path / "student")
    assert result.metrics["n"] == 4
    assert {one["name"] for one in result.trust["teachers"]} == {"first", "second"}


def test_pictures_are_told_apart_by_the_square_of_another_seed(classifier):
    assert classifier.predict([square("red", 900), square("blue", 901)]) == ["red", "blue"]


def test_a_bundle_of_celeba_spoof_finds_the_boxes_beside_the_pictures(tmp_path):
    labels = {}
    for number in range(16):
        kind = ("live", "spoof")[number % 2]
        path = f"Data/train/{number // 2}/{kind}/{number}.png"
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        whole = Image.new("RGB", (60, 60), "white")
        whole.paste(square(("blue", "red")[number % 2], number), (30, 30))
        whole.save(tmp_path / path)
        (tmp_path / path.replace(".png", "_BB.txt")).write_text("112 112 90 75 0.9")
        labels[path] = [0] * 43 + [number % 2]
    (tmp_path / "metas" / "intra_test").mkdir(parents=True)
    (tmp_path / "metas" / "intra_test" / "train_label.json").write_text(json.dumps(labels))
    recipe = tiny(data={"layout": "celeba-spoof", "split": {"valid": 0.2, "test": 0.2}})
    bundle = limbeck.train(recipe, data=tmp_path, out=tmp_path / "bundle").bundle
    predict(bundle, tmp_path / "Data", tmp_path / "out.csv", columns=["path", "p:spoof"])
    predict(bundle, write_csv(tmp_path / "t.csv", [{"path": path} for path in sorted(labels)]), tmp_path / "again.csv",
            columns=["path", "p:spoof"])  # fmt: skip
    one, two = ([row[1] for row in cells(tmp_path / name)[1:]] for name in ("out.csv", "again.csv"))
    assert one == two
    assert limbeck.evaluate(bundle, tmp_path, bootstrap=20, where={"split": "train"})["n"] == 16
    with Classifier(bundle) as opened:
        boxed = opened.predict_proba(pictures_of(prepare(recipe, tmp_path).frame, recipe.task))
        paths = [str(tmp_path / path) for path in labels]
        assert np.abs(np.sort(boxed[:, 1]) - np.sort(opened.predict_proba(paths)[:, 1])).max() > 1e-4
    assert sorted(f"{p:.6f}" for p in boxed[:, 1])[0] == min(f"{float(p):.6f}" for p in one)


def test_one_picture_is_answered_and_the_first_reason_is_printed(folder, bundle, tmp_path):
    picture = sorted((folder / "red").glob("*.png"))[0]
    done = command("predict", bundle, picture, tmp_path / "one.csv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.csv").read_text("utf-8").splitlines()[1].startswith(picture.name + ",")
    (tmp_path / "broken.png").write_bytes(picture.read_bytes()[:60])
    done = command("predict", bundle, tmp_path / "broken.png", tmp_path / "none.csv")
    assert "the first: broken.png, row 1: " in done.stdout


@pytest.mark.parametrize("bad", ["gone.png", "cut.png", "text.jpg", "empty.jpg", "bomb.png"])
def test_one_unreadable_picture_is_named_or_answered_by_nan_and_costs_no_other_its_answer(bundle, tmp_path, bad):
    bad_files(tmp_path)
    square("red", 1).save(tmp_path / "a.png")
    square("blue", 2).save(tmp_path / "b.png")
    values = [tmp_path / "a.png", tmp_path / bad, tmp_path / "b.png"]
    with limbeck.load(bundle) as classifier:
        with pytest.raises(LimbeckError, match=rf"value 1: .*{bad}.*unreadable='nan'") as raised:
            classifier.predict_proba(values)
        assert "\n" not in str(raised.value)
        p = classifier.predict_proba(values, unreadable="nan")
        assert np.isnan(p).all(axis=1).tolist() == [False, True, False]
        np.testing.assert_array_equal(p[[0, 2]], classifier.predict_proba([values[0], values[2]]))
        assert classifier.predict(values, unreadable="nan")[1] is None
