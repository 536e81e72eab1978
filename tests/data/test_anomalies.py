"""Rows for detectors: published folders are known by their shape, and no anomaly is ever learned."""

import shutil

import numpy as np
import polars as pl
import pytest

from limbeck.data.located import MASK
from limbeck.data.prepare import load_rows, prepare
from limbeck.errors import LimbeckError
from limbeck.recipe import Task
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
    assert any("judge in test instead" in line for line in rows.findings)


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
