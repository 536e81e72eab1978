"""Rows for detectors: published folders are known by their shape, and no anomaly is ever learned."""

import shutil

import numpy as np
import polars as pl
import pytest
from PIL import Image

from limbeck.dataset.prepare import load_rows, prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.files import MASK
from limbeck.recipe import Task
from limbeck.training.doctor import doctor
from scans import bmad, detector, mvtec, save, scan, table


def test_mvtec_gives_parts_labels_and_masks(tmp_path):
    rows = prepare(detector(), mvtec(tmp_path, 20, 4))
    assert rows.classes == ("normal", "anomaly")
    assert len(rows.part("test")) == 8
    assert len(rows.part("train")) + len(rows.part("valid")) == 20
    assert not rows.labels[rows.part("train")].any()
    masks = rows.frame[MASK].to_list()
    assert [mask is not None for mask in masks] == (rows.labels == 1).tolist()
    assert masks[int(np.flatnonzero(rows.labels == 1)[0])].endswith("ground_truth/patch/000_mask.png")


def test_bmad_keeps_the_anomalies_of_its_valid_part(tmp_path):
    rows = prepare(detector(), bmad(tmp_path, 20, 4))
    assert {part: int(rows.labels[rows.part(part)].sum()) for part in ("train", "valid", "test")} == {
        "train": 0, "valid": 4, "test": 4,
    }  # fmt: skip
    assert all("label" not in text for text in rows.texts)  # a mask is no picture


def test_any_label_that_is_not_normal_is_an_anomaly_and_none_is_learned(tmp_path):
    table(tmp_path)
    frame = pl.read_csv(tmp_path / "index.csv")
    moved = frame.with_columns(
        split=pl.when((pl.col("label") == "ill") & pl.col("path").str.ends_with("/0.png"))
        .then(pl.lit("train"))
        .otherwise("split")
    )
    moved.write_csv(tmp_path / "index.csv")
    rows = prepare(detector(data={"train": "index.csv", "split": "split"}), tmp_path)
    assert "1 anomalies in train left out: a detector learns normal rows only" in rows.findings
    assert not rows.labels[rows.part("train")].any()
    assert rows.labels[rows.part("test")].sum() == 7


def test_drawn_anomalies_judge_unless_their_patient_is_learned(tmp_path):
    table(tmp_path, train=30, valid=0, test=10)
    frame = pl.read_csv(tmp_path / "index.csv").drop("split")
    shared = frame.with_columns(
        patient=pl.when(pl.col("path") == "ill/3.png").then(pl.lit("train5")).otherwise("patient")
    )
    shared.write_csv(tmp_path / "index.csv")
    split = {"valid": 0.2, "test": 0.2, "group": "patient"}
    rows = prepare(detector(data={"train": "index.csv", "split": split}), tmp_path)
    assert not rows.labels[rows.part("train")].any()
    patients = [set(rows.frame["patient"].gather(rows.part(part).tolist())) for part in ("train", "valid", "test")]
    assert not patients[0] & patients[2]
    assert not patients[0] & patients[1]
    assert any("were moved to test" in line for line in rows.findings)


def test_a_folder_without_classes_is_all_normal(tmp_path):
    for at in range(12):
        save(tmp_path / f"{at}.png", scan(at)[0])
    rows = prepare(detector(), tmp_path)
    assert not rows.labels.any()
    assert any("all 12 rows count as normal" in line for line in rows.findings)


def test_a_set_without_good_is_one_clear_line(tmp_path):
    mvtec(tmp_path, 6, 2)
    shutil.move(tmp_path / "train" / "good", tmp_path / "train" / "fine")
    with pytest.raises(
        LimbeckError, match=r"no row of train is normal: its label is none of 'normal', 'good' \(there"
    ) as found:
        prepare(detector(), tmp_path)
    assert "task.normal" in str(found.value)
    rows = prepare(detector(task={"normal": ["fine", "good"]}), tmp_path)
    assert len(rows.part("train"))


def test_a_patient_in_two_parts_is_refused(tmp_path):
    table(tmp_path)
    text = (tmp_path / "index.csv").read_text().replace("ill/0.png,ill,ill0", "ill/0.png,ill,train1")
    (tmp_path / "index.csv").write_text(text)
    recipe = detector(data={"train": "index.csv", "split": "split"}, evaluation={"group": "patient"})
    with pytest.raises(LimbeckError, match="share a group"):
        prepare(recipe, tmp_path)


def test_rows_to_judge_keep_their_masks_from_a_table(tmp_path):
    image, mask = scan(1, patch=True)
    save(tmp_path / "a.png", image)
    save(tmp_path / "m.png", mask)
    (tmp_path / "index.csv").write_text("path,label,mask\na.png,broken,m.png\n")
    rows = load_rows(tmp_path / "index.csv", Task(kind="anomaly-image"))
    assert rows.labels.tolist() == [1]
    assert rows.frame[MASK].to_list() == [str(tmp_path / "m.png")]


def test_classes_are_not_to_choose():
    with pytest.raises(LimbeckError, match="is fixed where anomalies are looked for"):
        detector(task={"classes": ["a", "b"]})


@pytest.mark.parametrize(
    "name",
    [
        "ground_truth/patch/{}_mask.png", "ground_truth/patch/{}_mask.bmp", "ground_truth/patch/{}_GT.png",
        "masks/patch/{}.jpg", "mask/patch/{}.webp", "Masks/test/patch/{}-mask.gif", "ground_truth/PATCH/{}.PNG",
    ],
)  # fmt: skip
def test_masks_are_found_by_name_however_they_are_written(tmp_path, name):
    root = mvtec(tmp_path, 20, 4)
    moved(root, name)
    rows = prepare(detector(), root)
    found = dict(zip(rows.texts, rows.frame[MASK].to_list(), strict=True))
    assert {text: mask for text, mask in found.items() if mask} == {
        f"test/patch/{at:03d}.png": str(root / name.format(f"{at:03d}")) for at in range(4)
    }
    assert not [line for line in rows.findings if "no mask" in line]


def moved(root, name):
    """Give the masks of `mvtec` other names."""
    for at, file in enumerate(sorted((root / "ground_truth" / "patch").glob("*.png"))):
        with Image.open(file) as image:
            mask = image.copy()
        file.unlink()
        save(root / name.format(f"{at:03d}"), mask)
    if not list((root / "ground_truth").rglob("*.*")):
        shutil.rmtree(root / "ground_truth")


def test_anomalies_without_a_mask_are_counted_in_one_line(tmp_path):
    root = mvtec(tmp_path, 20, 4)
    moved(root, "ground_truth/patch/{}_marked.png")
    line = (
        "4 of 4 anomalies have no mask; ground_truth holds 4 files that belong to no picture, the first is "
        "patch/000_marked.png; pixel figures leave them out"
    )
    assert line in prepare(detector(), root).findings
    assert line in load_rows(root, detector().task).findings
    assert line in load_rows(root / "test", detector().task).findings
    (told,) = [found for found in doctor(detector(), data=root) if "no mask" in found.what]
    assert told.level == "warn"
    (root / "ground_truth" / "patch" / "000_marked.png").rename(root / "ground_truth" / "patch" / "000_mask.png")
    for at in (1, 2, 3):
        (root / "ground_truth" / "patch" / f"{at:03d}_marked.png").unlink()
    line = "3 of 4 anomalies have no mask in ground_truth; pixel figures leave them out"
    assert line in prepare(detector(), root).findings


def test_masks_beside_class_folders_and_tables_are_masks_and_no_class(tmp_path):
    root = mvtec(tmp_path / "set", 20, 4)
    home = tmp_path / "classes"
    shutil.copytree(root / "train" / "good", home / "good")
    shutil.copytree(root / "test" / "patch", home / "patch")
    shutil.copytree(root / "ground_truth", home / "masks")
    rows = load_rows(home, detector().task)
    assert len(rows.labels) == 24
    assert [mask is not None for mask in rows.frame[MASK].to_list()] == (rows.labels == 1).tolist()
    lines = ["path,label", *(f"{text},{'good' if text.startswith('good') else 'patch'}" for text in rows.texts)]
    (home / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    again = load_rows(home / "index.csv", detector().task)
    assert [mask is not None for mask in again.frame[MASK].to_list()] == (again.labels == 1).tolist()


def test_a_mask_right_in_the_folder_is_of_the_one_picture_of_that_name(tmp_path):
    root = mvtec(tmp_path, 20, 3)
    shutil.move(root / "test" / "patch" / "000.png", root / "test" / "patch" / "torn.png")
    for at, name in enumerate(("torn.png", "001.png", "002_mask.png")):  # 001 and 002 are normal pictures too
        save(root / "masks" / name, scan(2000 + at, patch=True)[1])
    shutil.rmtree(root / "ground_truth")
    rows = prepare(detector(), root)
    found = {text: mask for text, mask in zip(rows.texts, rows.frame[MASK].to_list(), strict=True) if mask}
    assert found == {"test/patch/torn.png": str(root / "masks" / "torn.png")}
    assert any("2 of 3 anomalies have no mask; masks holds 2 files" in line for line in rows.findings)
