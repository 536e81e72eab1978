"""The same boxes come out of every form of labels, and what is wrong in them is listed, file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detect.scenes import CLASSES, scene
from limbeck.errors import LimbeckError
from limbeck.recipe import Data, Split, Task
from limbeck.tasks.detect.boxes import Annotated
from limbeck.tasks.detect.reading.read import parted, read_boxes

TASK = Task(kind="detect-image")
SIZE = (160, 96)
BOXES = {"a.png": [(10.0, 20.0, 40.0, 60.0, "disc"), (50.0, 5.0, 90.0, 30.0, "square")], "b.png": []}


def pictures(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(BOXES):
        scene(seed, SIZE)[0].save(folder / name)
    return folder


def as_table(root: Path) -> None:
    pictures(root)
    (root / "index.csv").write_text("path,width,height,split\na.png,160,96,train\nb.png,160,96,test\n")
    rows = [f"{name},{x0},{y0},{x1},{y1},{label}" for name, own in BOXES.items() for x0, y0, x1, y1, label in own]
    (root / "boxes.csv").write_text("\n".join(["path,x0,y0,x1,y1,label", *rows]) + "\n")


def as_one_table(root: Path) -> None:
    pictures(root)
    lines = ["filename,xmin,ymin,xmax,ymax,class,split"]
    for name, own in BOXES.items():
        part = {"a.png": "train", "b.png": "test"}[name]
        lines += [f"{name},{x0},{y0},{x1},{y1},{label},{part}" for x0, y0, x1, y1, label in own]
        lines += [] if own else [f"{name},,,,,,{part}"]
    (root / "labels.csv").write_text("\n".join(lines) + "\n")


def as_yolo(root: Path) -> None:
    for name, part in (("a.png", "train"), ("b.png", "test")):
        folder = root / "images" / part
        pictures(folder)
        for other in BOXES:
            if other != name:
                (folder / other).unlink()
        labels = root / "labels" / part
        labels.mkdir(parents=True)
        rows = [
            f"{CLASSES.index(label)} {(x0 + x1) / 2 / 160} {(y0 + y1) / 2 / 96} {(x1 - x0) / 160} {(y1 - y0) / 96}"
            for x0, y0, x1, y1, label in BOXES[name]
        ]
        (labels / f"{name[0]}.txt").write_text("\n".join(rows))
    (root / "data.yaml").write_text("train: images/train\ntest: ../images/test\nnames: {0: disc, 1: square}\n")


def as_coco(root: Path) -> None:
    pictures(root / "images")
    (root / "annotations").mkdir()
    for number, (name, part) in enumerate((("a.png", "train"), ("b.png", "test"))):
        boxes = [
            {"id": at, "image_id": 7 + number, "category_id": 3 + 5 * CLASSES.index(label),
             "bbox": [x0, y0, x1 - x0, y1 - y0]}
            for at, (x0, y0, x1, y1, label) in enumerate(BOXES[name])
        ]  # fmt: skip
        image = {"id": 7 + number, "file_name": name, "width": 160, "height": 96}
        kinds = [{"id": 3, "name": "disc"}, {"id": 8, "name": "square"}]  # ids need not be dense
        content = {"images": [image], "annotations": boxes, "categories": kinds}
        (root / "annotations" / f"instances_{part}2017.json").write_text(json.dumps(content))


def as_voc(root: Path) -> None:
    pictures(root / "JPEGImages")
    (root / "Annotations").mkdir()
    (root / "ImageSets" / "Main").mkdir(parents=True)
    for name, part in (("a.png", "train"), ("b.png", "test")):
        (root / "ImageSets" / "Main" / f"{part}.txt").write_text(f"{name[0]}\n")
        objects = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin><xmax>{x1}</xmax>"
            f"<ymax>{y1}</ymax></bndbox></object>"
            for x0, y0, x1, y1, label in BOXES[name]
        )
        size = "<size><width>160</width><height>96</height></size>"
        text = f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"
        (root / "Annotations" / f"{name[0]}.xml").write_text(text)


def as_label_studio(root: Path) -> None:
    pictures(root)
    tasks = []
    for name, part in (("a.png", "train"), ("b.png", "test")):
        results = [
            {"type": "rectanglelabels", "value": {
                "x": x0 / 1.6, "y": y0 / 0.96, "width": (x1 - x0) / 1.6, "height": (y1 - y0) / 0.96, "rotation": 0,
                "rectanglelabels": [label]}}
            for x0, y0, x1, y1, label in BOXES[name]
        ]  # fmt: skip
        data = {"image": f"/data/upload/1/3fa85f64-{name}", "split": part}
        tasks.append({"id": 1, "data": data, "annotations": [{"result": results}]})
    (root / "export.json").write_text(json.dumps(tasks))


@pytest.mark.parametrize("write", [as_table, as_one_table, as_yolo, as_coco, as_voc, as_label_studio])
def test_every_form_gives_the_same_boxes_and_parts(tmp_path: Path, write: object) -> None:
    write(tmp_path)  # type: ignore[operator]
    found = read_boxes(tmp_path, TASK)
    assert found.classes == CLASSES
    assert not found.rejected
    read = sorted(found.pictures, key=lambda one: one.file.name)
    assert [(one.file.name, one.part, one.size) for one in read] == [
        ("a.png", "train", SIZE), ("b.png", "test", SIZE),
    ]  # fmt: skip
    first, second = (one.boxes for one in read)
    assert np.allclose(first.edges, [box[:4] for box in BOXES["a.png"]], atol=1e-6)
    assert [found.classes[label] for label in first.labels] == ["disc", "square"]
    assert not len(second)


def boxes_of(root: Path, *rows: str) -> Annotated:
    pictures(root)
    (root / "index.csv").write_text("path\na.png\nb.png\nmissing.png\n")
    (root / "boxes.csv").write_text("\n".join(["path,x0,y0,x1,y1,label", "b.png,1,1,9,9,disc", *rows]) + "\n")
    return read_boxes(root, TASK, classes=CLASSES)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png,5,5,5,20,disc", "zero or negative size"),
        ("a.png,30,5,20,20,disc", "zero or negative size"),
        ("a.png,200,5,220,20,disc", "outside the picture of 160 x 96"),
        ("a.png,0.1,0.2,0.3,0.45,disc", "shares of the picture where pixels are wanted"),
        ("a.png,5,5,nan,20,disc", "not four finite numbers"),
        ("a.png,5,5,five,20,disc", "not four finite numbers"),
        ("a.png,5,5,20,20,cube", "unknown class 'cube'"),
        ("c.png,5,5,20,20,disc", "a picture that is not listed"),
    ],
)
def test_a_box_that_cannot_be_used_is_one_row_and_the_rest_is_read(tmp_path: Path, row: str, reason: str) -> None:
    found = boxes_of(tmp_path, row, "a.png,5,5,20,20,square")
    (bad,) = [one for one in found.rejected if one.file == "boxes.csv"]
    assert bad.line == 3
    assert reason in bad.reason
    assert [len(one.boxes) for one in found.pictures] == [1, 1]


def test_a_box_that_reaches_out_is_clipped_and_listed(tmp_path: Path) -> None:
    found = boxes_of(tmp_path, "a.png,-4,5,20,20,disc")
    (bad,) = [one for one in found.rejected if one.clipped]
    assert "clipped to the picture" in bad.reason
    assert found.pictures[0].boxes.edges.tolist() == [[0, 5, 20, 20]]


def test_a_missing_picture_and_a_damaged_one_are_rows(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:200])
    (tmp_path / "boxes.csv").write_text("path,x0,y0,x1,y1,label\na.png,1,1,9,9,disc\nb.png,1,1,9,9,disc\n")
    (tmp_path / "index.csv").write_text("path\na.png\nb.png\nmissing.png\n")
    found = read_boxes(tmp_path, TASK)
    assert [one.picture for one in found.rejected] == ["b.png", "missing.png"]
    assert len(found.pictures) == 1


def test_an_ignored_region_and_a_crowd_stay_and_are_no_class(tmp_path: Path) -> None:
    pictures(tmp_path)
    rows = "path,x0,y0,x1,y1,label,iscrowd\na.png,1,1,9,9,disc,0\na.png,20,1,60,50,ignore,0\na.png,80,1,99,50,disc,1\n"
    (tmp_path / "boxes.csv").write_text(rows)
    found = read_boxes(tmp_path, TASK)
    assert found.classes == ("disc",)
    assert found.pictures[0].boxes.labels.tolist() == [0, -1, 0]
    assert found.pictures[0].boxes.crowd.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("9 0.5 0.5 0.2 0.2", "class 9 is out of range: 2 classes"),
        ("0 80 48 30 20", "pixels or percent where shares"),
        ("0 0.5 0.5", "the line is not: class x y width height"),
        ("0 0.5 0.5 0 0.2", "zero or negative size"),
    ],
)
def test_a_wrong_line_of_yolo_is_a_row(tmp_path: Path, line: str, reason: str) -> None:
    as_yolo(tmp_path)
    file = tmp_path / "labels" / "train" / "a.txt"
    file.write_text(f"{file.read_text()}\n{line}\n")
    (bad,) = read_boxes(tmp_path, TASK).rejected
    assert (bad.file, bad.line) == ("a.txt", 3)
    assert reason in bad.reason


def test_halves_without_the_other_half_are_rows_and_an_empty_file_is_background(tmp_path: Path) -> None:
    as_yolo(tmp_path)
    (tmp_path / "labels" / "train" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    scene(5, SIZE)[0].save(tmp_path / "images" / "train" / "bare.png")
    found = read_boxes(tmp_path, TASK)
    assert {one.file for one in found.rejected} == {"images/train/bare.png", "gone.txt"}
    assert [len(one.boxes) for one in found.pictures] == [2, 0]


@pytest.mark.parametrize("place", ["/etc", "../../elsewhere"])
def test_a_yaml_that_names_folders_elsewhere_is_refused(tmp_path: Path, place: str) -> None:
    as_yolo(tmp_path)
    (tmp_path / "data.yaml").write_text(f"train: {place}\nnames: [disc, square]\n")
    with pytest.raises(LimbeckError, match=r"not in the folder of the data; name folders inside"):
        read_boxes(tmp_path, TASK)


def test_a_yaml_makes_no_objects(tmp_path: Path) -> None:
    as_yolo(tmp_path)
    (tmp_path / "data.yaml").write_text("names: !!python/object/apply:os.system ['touch hacked']\n")
    with pytest.raises(LimbeckError, match="broken"):
        read_boxes(tmp_path, TASK)


def test_a_yaml_whose_aliases_grow_without_end_is_refused(tmp_path: Path) -> None:
    as_yolo(tmp_path)
    levels = ["a0: &a0 [disc, square]", *(f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12))]
    (tmp_path / "data.yaml").write_text("\n".join([*levels, "names: *a11"]))
    with pytest.raises(LimbeckError, match="aliases"):
        read_boxes(tmp_path, TASK)


@pytest.mark.parametrize("write", [as_coco, as_label_studio])
def test_a_number_too_large_for_a_float_is_a_row(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    for file in tmp_path.rglob("*.json"):
        file.write_text(re.sub(r'("bbox": \[|"x": )[\d.]+', rf"\g<1>1{'0' * 400}", file.read_text()))
    found = read_boxes(tmp_path, TASK)
    assert [len(one.boxes) for one in found.pictures] == [0, 0]
    assert len(found.rejected) == 2


@pytest.mark.parametrize("width", ["inf", "0.5", "1e300", "-3", "wide"])
def test_a_size_that_no_picture_has_is_left_aside(tmp_path: Path, width: str) -> None:
    as_table(tmp_path)
    file = tmp_path / "index.csv"
    file.write_text(file.read_text().replace("160", width))
    found = read_boxes(tmp_path, TASK)
    assert not found.rejected
    assert found.pictures[0].boxes.edges.tolist() == [list(box[:4]) for box in BOXES["a.png"]]


def test_xml_with_entities_is_a_row(tmp_path: Path) -> None:
    as_voc(tmp_path)
    (tmp_path / "Annotations" / "c.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>')
    (bad,) = read_boxes(tmp_path, TASK).rejected
    assert "defines entities" in bad.reason


@pytest.mark.parametrize(("turn", "box"), [(6, [36, 10, 76, 40]), (8, [20, 120, 60, 150])])
def test_boxes_of_a_picture_that_exif_turns_are_turned_too(tmp_path: Path, turn: int, box: list[int]) -> None:
    image, exif = scene(1, SIZE)[0], Image.Exif()
    exif[0x0112] = turn
    image.save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "index.csv").write_text("path,width,height\na.jpg,160,96\n")  # the size as it is stored
    (tmp_path / "boxes.csv").write_text("path,x0,y0,x1,y1,label\na.jpg,10,20,40,60,disc\n")
    found = read_boxes(tmp_path, TASK)
    assert found.pictures[0].size == (96, 160)
    assert found.pictures[0].boxes.edges.tolist() == [box]
    assert "turned by EXIF" in found.findings[0]


def test_boxes_of_a_picture_that_was_scaled_are_scaled_too(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "index.csv").write_text("path,width,height\na.png,320,192\n")
    (tmp_path / "boxes.csv").write_text("path,x0,y0,x1,y1,label\na.png,20,40,80,120,disc\n")
    found = read_boxes(tmp_path, TASK)
    assert found.pictures[0].boxes.edges.tolist() == [[10, 20, 40, 60]]


def test_grey_and_sixteen_bit_pictures_are_read(tmp_path: Path) -> None:
    Image.fromarray(np.arange(96 * 160, dtype=np.uint16).reshape(96, 160)).save(tmp_path / "a.png")
    Image.new("L", SIZE, 90).save(tmp_path / "b.png")
    (tmp_path / "boxes.csv").write_text("path,x0,y0,x1,y1,label\na.png,1,1,9,9,disc\nb.png,1,1,9,9,disc\n")
    assert len(read_boxes(tmp_path, TASK).pictures) == 2


def test_drawn_parts_keep_groups_and_copies_together(tmp_path: Path) -> None:
    index = ["path,group"]
    for number in range(24):
        scene(number % 20, SIZE)[0].save(tmp_path / f"{number:02d}.png")  # the last four are copies
        index.append(f"{number:02d}.png,{'' if number >= 20 or number < 4 else number // 4}")
    (tmp_path / "index.csv").write_text("\n".join(index) + "\n")
    (tmp_path / "boxes.csv").write_text("path,x0,y0,x1,y1,label\n" + "".join(
        f"{number:02d}.png,1,1,{20 + number},30,{CLASSES[number % 2]}\n" for number in range(24)
    ))  # fmt: skip
    found = parted(read_boxes(tmp_path, TASK, Data(train=".")), Split(valid=0.3, test=0.3), 0)
    parts = {one.name: one.part for one in found.pictures}
    assert set(parts.values()) == {"train", "valid", "test"}
    for group in range(1, 5):
        assert len({parts[f"{number:02d}.png"] for number in range(4 * group, 4 * group + 4)}) == 1
    assert all(parts[f"{number:02d}.png"] == parts[f"{number + 20:02d}.png"] for number in range(4))
