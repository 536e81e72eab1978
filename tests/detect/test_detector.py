"""A detector learns made-up pictures, is exported, answers from Python and by the commands, and evaluates alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import limbeck
from detect.scenes import scene, tiny
from limbeck.errors import LimbeckError
from limbeck.recipe import Task, parse_recipe
from limbeck.tasks.detect.reading.read import read_boxes


@pytest.fixture(scope="module")
def folder(scenes: Path) -> Path:
    return scenes


@pytest.fixture(scope="module")
def bundle(detector: Path) -> Path:
    return detector


def test_it_finds_what_it_learned_and_says_so(bundle: Path, folder: Path, tmp_path: Path) -> None:
    stored = json.loads((bundle / "metrics.json").read_text())
    again = limbeck.evaluate(bundle, folder)
    assert again["ap50"] == pytest.approx(stored["test"]["ap50"])
    assert again["ap50"] > 0.3  # chance is below 0.01
    assert again["n"] == 8
    assert sum(map(sum, again["confusion"])) >= again["objects"]
    assert {"ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "per_class", "recall"} <= set(again)
    page = tmp_path / "page.html"
    seen = limbeck.evaluate(bundle, folder, where={"split": "train"}, report=page)
    assert seen["warnings"] == ["The bundle was trained on 24 of these 24 rows, so these figures are too optimistic."]
    assert "trained on 24 of these 24 rows" in page.read_text("utf-8")


def test_a_picture_answers_alike_alone_and_in_a_batch(bundle: Path) -> None:
    pictures = [scene(seed)[0] for seed in range(50, 60)]
    with limbeck.load(bundle) as detector:
        together = detector.detect(pictures, threshold=0.05)
        alone = [detector.detect([picture], threshold=0.05)[0] for picture in pictures]
    for one, other in zip(together, alone, strict=True):
        assert one.labels.tolist() == other.labels.tolist()
        assert np.allclose(one.edges, other.edges, atol=0.01)
        assert np.allclose(one.scores, other.scores, atol=1e-5)


def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(bundle: Path) -> None:
    picture = scene(1)[0]
    with limbeck.load(bundle) as detector:
        small, large = detector.detect([picture, picture.resize((480, 288))], threshold=0.2)
    assert (large.size, small.size) == ((480, 288), (160, 96))
    for edges in large.edges / 3:
        assert np.abs(small.edges - edges).max(axis=1).min() < 6


@pytest.mark.parametrize("end", [".csv", ".jsonl", ".parquet", ".json", ""])
def test_predictions_are_written_in_every_form(bundle: Path, folder: Path, tmp_path: Path, end: str) -> None:
    (tmp_path / "in").mkdir()
    for seed in range(3):
        scene(seed)[0].save(tmp_path / "in" / f"{seed}.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n")
    output = tmp_path / f"found{end}"
    done = limbeck.predict(bundle, tmp_path / "in", output, threshold=0.1, draw=tmp_path / "drawn")
    assert (done.rows, done.rejected) == (3, 1)
    assert "broken.png" in done.rejects.read_text()
    assert sorted(file.name for file in (tmp_path / "drawn").iterdir()) == ["0.jpg", "1.jpg", "2.jpg"]
    if end in (".csv", ".parquet"):
        frame = pl.read_csv(output) if end == ".csv" else pl.read_parquet(output)
        assert {"path", "class", "score", "x0", "y1"} <= set(frame.columns)
        assert frame["path"].n_unique() == 3
    elif end == ".jsonl":
        assert [json.loads(line)["path"] for line in output.read_text().splitlines()] == ["0.png", "1.png", "2.png"]
    elif end == ".json":
        content = json.loads(output.read_text())
        assert len(content["images"]) == 3
        assert {box["category_id"] for box in content["annotations"]} <= {1, 2}
    else:
        assert sorted(file.name for file in output.iterdir()) == ["0.txt", "1.txt", "2.txt", "classes.txt"]


def test_what_is_predicted_as_coco_can_be_read_as_labels(bundle: Path, folder: Path, tmp_path: Path) -> None:
    output = folder / "images" / "test" / "found.json"
    limbeck.predict(bundle, folder / "images" / "test", output, threshold=0.3)
    try:
        found = read_boxes(output, Task(kind="detect-image"), root=folder)
    finally:
        output.unlink()
    assert len(found.pictures) == 8
    assert not found.rejected


def test_the_report_shows_curves_errors_and_drawn_pictures(bundle: Path, folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    limbeck.evaluate(bundle, folder, report=page, pictures=True, lang="zh")
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") >= 3
    assert "data:image/jpeg;base64," in text
    assert "按大小" in text
    assert "<script" not in text


def test_verbs_that_compare_labels_of_rows_refuse_it(bundle: Path, folder: Path) -> None:
    from limbeck.bundle.classifier import Classifier

    for call in (lambda: Classifier(bundle), lambda: limbeck.compare([bundle, bundle], folder)):
        with pytest.raises(LimbeckError, match="do not have one label each"):
            call()


def test_a_second_training_begins_from_the_first(bundle: Path, folder: Path, tmp_path: Path) -> None:
    recipe = tiny(training={"epochs": 1, "learning_rate": 1e-6, "warmup": 0.0}, export={"int8": "keep"})
    made = limbeck.train(recipe, data=folder, out=tmp_path / "next", start=bundle, progress=lambda event: None)
    before = json.loads((bundle / "metrics.json").read_text())["test"]["ap50"]
    assert made.metrics["ap50"] == pytest.approx(before, abs=0.15)
    eight = json.loads((tmp_path / "next" / "export.json").read_text())["int8"]
    assert eight["kept"] == (eight["ap_lost"] <= 0.005)
    assert eight["kept"] == (tmp_path / "next" / "model.int8.onnx").exists()


def test_a_small_detector_learns_from_a_larger_one_and_from_pictures_without_labels(
    bundle: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    for seed in range(100, 108):
        scene(seed)[0].save(tmp_path / "more" / f"{seed}.png")
    teacher = {"name": "large", "source": f"bundle:{bundle}"}
    lines: list[str] = []
    recipe = parse_recipe({
        **tiny(export={"int8": "never"}, training={"epochs": 2}).model_dump(exclude_defaults=True),
        "teachers": [teacher], "objective": {"losses": {"centre": 1.0, "centre-distil": 1.0}},
        "data": {"train": ".", "unlabelled": [str(tmp_path / "more")]},
    })  # fmt: skip
    made = limbeck.train(
        recipe, data=folder, out=tmp_path / "small", progress=lambda event: lines.append(str(event.message))
    )
    assert made.metrics["ap50"] > 0.05
    assert any("the teacher labelled 8 pictures" in line for line in lines)
    other = parse_recipe(
        {**recipe.model_dump(exclude_defaults=True), "teachers": [{**teacher, "labels": {"disc": "x"}}]}
    )
    with pytest.raises(LimbeckError, match="does not know the class 'disc'"):
        limbeck.train(other, data=folder, out=tmp_path / "none", progress=lambda event: None)


def test_doctor_lists_each_box_that_is_not_used(folder: Path, tmp_path: Path) -> None:
    for part in ("index.csv", "boxes.csv", "images"):
        (tmp_path / part).symlink_to(folder / part)
    (tmp_path / "boxes.csv").unlink()
    more = "images/train/000.png,5,5,5,9,disc\nimages/train/000.png,-5,5,25,29,disc\n"
    (tmp_path / "boxes.csv").write_text((folder / "boxes.csv").read_text() + more)
    (tmp_path / "images").unlink()
    import shutil

    shutil.copytree(folder / "images", tmp_path / "images")
    found = [finding.what for finding in limbeck.doctor(tiny(), data=tmp_path)]
    assert any("boxes.csv, line" in line and "zero or negative size" in line for line in found)
    assert any("clipped to the picture" in line for line in found)
    assert any(line.startswith("train: 24 pictures") for line in found)


def test_a_classifier_behind_a_detector_tells_what_is_in_each_box(bundle: Path, tmp_path: Path) -> None:
    for label, seed in (("red", 1), ("blue", 2)):
        (tmp_path / "cut" / label).mkdir(parents=True)
        for number in range(8):
            colour = np.array([210, 50, 50] if label == "red" else [50, 60, 210])
            noise = np.random.default_rng((seed, number)).integers(-9, 9, (20, 20, 3))
            Image.fromarray((colour + noise).astype(np.uint8)).save(tmp_path / "cut" / label / f"{number}.png")
    recipe = parse_recipe({
        "task": {"kind": "image"}, "data": {"train": "cut"}, "input": {"size": 16},
        "student": {"network": "multiscale", "widths": [4, 8]},
        "training": {"epochs": 8, "learning_rate": 1e-2, "batch_size": 4, "device": "cpu", "threads": 1},
        "evaluation": {"bootstrap": 0, "baseline": False}, "export": {"int8": "never"},
    })  # fmt: skip
    limbeck.train(recipe, data=tmp_path, out=tmp_path / "colours", progress=lambda event: None)
    joined = limbeck.join(bundle, tmp_path / "colours", tmp_path / "both", margin=-0.0)
    pictures = [scene(seed)[0] for seed in range(50, 62)]
    with limbeck.load(joined) as detector:
        rows = [row for found in detector.detect(pictures, threshold=0.3) for row in found.rows()]
    assert rows
    assert {row["kind"] for row in rows} <= {"red", "blue"}
    right = [row["kind"] == {"disc": "red", "square": "blue"}[row["class"]] for row in rows]
    assert np.mean(right) > 0.6
    (joined / "classifier" / "bundle.json").write_text("{}")
    with pytest.raises(LimbeckError, match="not the classifier that was joined"):
        limbeck.load(joined)
    with pytest.raises(LimbeckError, match="finds no boxes"):
        limbeck.join(tmp_path / "colours", bundle, tmp_path / "other")
