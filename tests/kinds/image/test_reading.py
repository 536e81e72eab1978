"""Rows of pictures from class folders, tables and CelebA-Spoof; nothing that is judged was learned."""

import io
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from limbeck.dataset.prepare import load_rows, prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import Picture, look, upright
from limbeck.kinds.image.reading.files import BOX, HASH, pictures_of
from pictures import bad_files, class_folders, square, tiny
from small import write_csv


def counts(rows):
    return {part: int((rows.split == part).sum()) for part in ("train", "valid", "test")}


def index(folder, rows):
    """Write the pictures of rows and a table of them."""
    for number, row in enumerate(rows):
        if row["path"] and not (folder / row["path"]).exists():
            (folder / row["path"]).parent.mkdir(parents=True, exist_ok=True)
            square(row["label"], number).save(folder / row["path"])
    return write_csv(folder / "index.csv", rows)


def some_rows(count=40, **more):
    return [
        {"path": f"p/{n}.png", "label": ("blue", "red")[n % 2], **{k: str(v(n)) for k, v in more.items()}}
        for n in range(count)
    ]


def test_class_folders_are_rows_and_a_tenth_is_drawn_for_each_part(tmp_path):
    rows = prepare(tiny(), class_folders(tmp_path))
    assert rows.classes == ("blue", "red")
    assert counts(rows) == {"train": 19, "valid": 3, "test": 2}
    assert rows.texts[0] == "blue/00.png"
    assert [p.source for p in pictures_of(rows.frame[:1], tiny().task)] == [str(tmp_path / "blue" / "00.png")]


def test_folders_of_parts_above_the_classes_are_the_split(tmp_path):
    rows = prepare(tiny(), class_folders(tmp_path, parts=("train", "val", "test")))
    assert counts(rows) == {"train": 24, "valid": 24, "test": 24}
    assert set(rows.frame["split"]) == {"train", "val", "test"}
    two = prepare(tiny(data={"train": "train", "test": "val"}), tmp_path)
    assert counts(two) == {"train": 22, "valid": 2, "test": 24}


def test_a_picture_beside_the_classes_or_a_lone_class_is_refused(tmp_path):
    class_folders(tmp_path)
    square("red", 99).save(tmp_path / "stray.png")
    with pytest.raises(LimbeckError, match=r"stray\.png: a picture outside of any class"):
        prepare(tiny(), tmp_path)
    (tmp_path / "stray.png").unlink()
    shutil.rmtree(tmp_path / "red")
    with pytest.raises(LimbeckError, match="all rows are of the class 'blue'"):
        prepare(tiny(), tmp_path)
    with pytest.raises(LimbeckError, match="neither a table nor class folders"):
        prepare(tiny(), tmp_path / "blue")


def test_unreadable_pictures_are_findings_and_left_out(tmp_path):
    said = bad_files(class_folders(tmp_path) / "red")
    rows = prepare(tiny(), tmp_path)
    assert len(rows.labels) == 24
    for name, reason in said.items():
        assert any(f"red/{name}" in line and reason in line for line in rows.findings), name
    for name in ("blue", "red"):
        for file in (tmp_path / name).iterdir():
            file.write_bytes(b"no picture")
    with pytest.raises(LimbeckError, match="none of 29 pictures can be read"):
        prepare(tiny(), tmp_path)


def test_a_wrong_ending_and_an_animation_are_read_and_reported(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "red" / "00.png").rename(tmp_path / "red" / "00.jpg")
    frames = [square("blue", seed) for seed in (71, 72)]
    frames[0].save(tmp_path / "blue" / "zz.webp", save_all=True, append_images=frames[1:], lossless=True)
    rows = prepare(tiny(), tmp_path)
    assert len(rows.labels) == 25
    assert "red/00.jpg is a PNG by its content" in rows.findings
    assert any("blue/zz.webp is an animation of 2 frames" in line for line in rows.findings)


def test_a_table_gives_paths_relative_to_itself_or_absolute(tmp_path):
    rows = some_rows()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    square("red", 500).save(elsewhere / "far.png")
    square("blue", 501).save(elsewhere / "up.png")
    home = tmp_path / "set"
    rows += [{"path": str(elsewhere / "far.png"), "label": "red"}, {"path": "../elsewhere/up.png", "label": "blue"}]
    rows += [{"path": "p/gone.png", "label": "red"}, {"path": "", "label": "red"}]
    home.mkdir()
    for number, row in enumerate(rows[:40]):
        (home / "p").mkdir(exist_ok=True)
        square(row["label"], number).save(home / row["path"])
    write_csv(home / "index.csv", rows)
    found = prepare(tiny(data={"train": "set/index.csv"}), tmp_path)
    assert len(found.labels) == 42
    assert any("p/gone.png: there is no such file" in line for line in found.findings)
    assert any("row 44: the path is empty" in line for line in found.findings)


def test_boxes_of_a_table_are_read_and_bad_ones_reported(tmp_path):
    rows = some_rows(x=lambda n: 2, y=lambda n: 1, w=lambda n: 10, h=lambda n: 10)
    for at, (key, value) in enumerate((("w", ""), ("w", "0"), ("w", "-4"), ("x", "400"))):
        rows[at][key] = value
    index(tmp_path, rows)
    found = prepare(tiny(input={"box": ["x", "y", "w", "h"]}, data={"train": "index.csv"}), tmp_path)
    lines = [line for line in found.findings if "unreadable picture" in line]
    for line, said in zip(lines, ("empty", "empty", "inverted", "outside"), strict=True):
        assert said in line
    assert len(found.labels) == 36
    one = [{"path": row["path"], "label": row["label"], "box": "[2, 1, 10, 10]"} for row in rows]
    write_csv(tmp_path / "index.csv", one)
    again = prepare(tiny(input={"box": "box"}, data={"train": "index.csv"}), tmp_path)
    assert set(again.frame[BOX]) == set(found.frame[BOX]) == {"2.0 1.0 10.0 10.0 0.0"}


def test_a_missing_column_is_named(tmp_path):
    index(tmp_path, some_rows())
    with pytest.raises(LimbeckError, match="no column 'bbox'"):
        prepare(tiny(input={"box": "bbox"}, data={"train": "index.csv"}), tmp_path)
    with pytest.raises(LimbeckError, match="no column 'file'"):
        prepare(tiny(task={"input": "file"}, data={"train": "index.csv"}), tmp_path)


def test_copies_by_content_go_from_the_lesser_part_whatever_their_names(tmp_path):
    rows = some_rows(split=lambda n: ("train", "train", "valid", "test")[n // 2 % 4])
    index(tmp_path, rows)
    test = next(row for row in rows if row["split"] == "test")
    shutil.copy(tmp_path / test["path"], tmp_path / "p/copy.png")
    write_csv(tmp_path / "index.csv", [*rows, {"path": "p/copy.png", "label": test["label"], "split": "train"}])
    recipe = {"train": "index.csv", "split": "split"}
    found = prepare(tiny(data=recipe), tmp_path)
    assert "p/copy.png" not in found.texts
    assert any("1 exact duplicates dropped from train" in line for line in found.findings)
    with pytest.raises(LimbeckError, match="exact copies of rows of another part"):
        prepare(tiny(data={**recipe, "duplicates": "keep"}), tmp_path)


def test_two_boxes_of_one_picture_do_not_straddle_parts(tmp_path):
    rows = some_rows(split=lambda n: ("train", "test")[n // 2 % 2], box=lambda n: "0 0 9 9")
    index(tmp_path, rows)
    rows.append({**rows[0], "split": "test", "box": "9 9 9 9"})
    write_csv(tmp_path / "index.csv", rows)
    with pytest.raises(LimbeckError, match="exact copies of rows of another part"):
        prepare(tiny(input={"box": "box"}, data={"train": "index.csv", "split": "split"}), tmp_path)


def test_one_subject_in_two_parts_is_refused(tmp_path):
    index(tmp_path, some_rows(subject=lambda n: n // 4, split=lambda n: ("train", "valid", "test", "train")[n % 4]))
    by_column = {"train": "index.csv", "split": "split"}
    assert len(prepare(tiny(data=by_column), tmp_path).labels) == 40
    with pytest.raises(LimbeckError, match="share a group with rows of another part"):
        prepare(tiny(data=by_column, evaluation={"group": "subject"}), tmp_path)
    drawn = prepare(tiny(data={"train": "index.csv", "split": {"group": "subject"}}), tmp_path)
    parts = drawn.frame["subject"].to_numpy(), drawn.split
    assert all(len(set(parts[1][parts[0] == subject])) == 1 for subject in set(parts[0]))


def test_a_subject_of_the_test_file_in_the_training_file_is_refused_by_path(tmp_path):
    rows = some_rows(subject=lambda n: n // 4)
    index(tmp_path, rows)
    write_csv(tmp_path / "test.csv", rows[-6:])
    write_csv(tmp_path / "index.csv", rows[:-6])
    files = {"train": "index.csv", "test": "test.csv"}
    with pytest.raises(
        LimbeckError, match=r"2 of .* share a group with rows .* such as rows p/34\.png and p/3[23]\.png"
    ):
        prepare(tiny(data={**files, "split": {"group": "subject"}}), tmp_path)
    warned = prepare(tiny(data={**files, "split": {"group": "subject"}, "leakage": "warn"}), tmp_path)
    assert any("share a group" in line for line in warned.findings)


def test_the_hash_is_of_the_content(tmp_path):
    rows = load_rows(class_folders(tmp_path), tiny().task)
    assert rows.frame[HASH].n_unique() == 24
    assert all(len(value) == 64 for value in rows.frame[HASH])


def celeba(root, subjects=8, part="train", start=0):
    labels = {}
    for number in range(start, start + subjects):
        for kind in ("live", "spoof"):
            folder = root / "Data" / part / str(number) / kind
            folder.mkdir(parents=True, exist_ok=True)
            path = f"Data/{part}/{number}/{kind}/{number:06d}.png"
            square("red" if kind == "spoof" else "blue", 2 * number + (kind == "live"), (56, 112)).save(root / path)
            (root / path.replace(".png", "_BB.txt")).write_text("56 112 112 112 0.99\n")
            labels[path] = [0] * 40 + ([0, 0, 0, 0] if kind == "live" else [7, 2, 1, 1])
    metas = root / "metas" / "intra_test"
    metas.mkdir(parents=True, exist_ok=True)
    (metas / f"{part}_label.json").write_text(json.dumps(labels))
    return labels


CELEBA = {"train": ".", "layout": "celeba-spoof", "split": {"valid": 0.25}}


def test_celeba_spoof_as_it_is_distributed(tmp_path):
    celeba(tmp_path)
    celeba(tmp_path, 3, "test", 100)
    rows = prepare(tiny(data=CELEBA), tmp_path)
    assert counts(rows) == {"train": 12, "valid": 4, "test": 6}
    assert rows.classes == ("live", "spoof")
    assert set(rows.frame.filter(rows.frame["label"] == "spoof")["species"]) == {"pc"}
    # Nobody is in two parts: valid was drawn by subject.
    people = {part: set(rows.frame["subject"].to_numpy()[rows.split == part]) for part in ("train", "valid", "test")}
    assert not people["train"] & people["valid"]
    assert not people["train"] & people["test"]
    # Boxes are measured in a frame of 224 pixels, the pictures have 56 x 112.
    first = pictures_of(rows.frame[:1], tiny().task)[0]
    assert first.box.edges((56, 112)) == (14, 56, 42, 112)


def test_odd_rows_of_celeba_spoof_are_reported(tmp_path):
    labels = celeba(tmp_path)
    paths = list(labels)
    (tmp_path / paths[0].replace(".png", "_BB.txt")).write_text("")
    (tmp_path / paths[1].replace(".png", "_BB.txt")).write_text("10 10 0 0 0.1")
    (tmp_path / paths[2].replace(".png", "_BB.txt")).unlink()
    labels[paths[3]] = [1, 2, 3]
    labels["Data/train/0/live/gone.png"] = [0] * 44
    # A spoof picture that lies under live: the numbers count, not the folder.
    labels[paths[4]] = [0] * 40 + [1, 1, 1, 1]
    (tmp_path / "metas/intra_test/train_label.json").write_text(json.dumps(labels))
    rows = prepare(tiny(data=CELEBA), tmp_path)
    lines = "\n".join(rows.findings)
    assert f"{paths[0]}: the box is empty" in lines
    assert f"{paths[1]}: the box is empty" in lines
    assert f"{paths[3]}: train_label.json gives no 44 integers" in lines
    assert "gone.png: there is no such file" in lines
    assert len(rows.labels) == 13
    at = rows.texts.index(paths[4])
    assert "/live/" in paths[4]
    assert rows.classes[rows.labels[at]] == "spoof"
    whole = pictures_of(rows.frame[[rows.texts.index(paths[2])]], tiny().task)[0]
    assert whole.box is None


def test_a_subject_on_both_sides_of_celeba_spoof_is_refused(tmp_path):
    celeba(tmp_path)
    celeba(tmp_path, 2, "test", 100)
    for place in (tmp_path / "Data" / "test" / "100",):
        place.rename(place.with_name("0"))
    file = tmp_path / "metas/intra_test/test_label.json"
    file.write_text(file.read_text().replace("Data/test/100/", "Data/test/0/"))
    with pytest.raises(LimbeckError, match="share a group with rows of another part"):
        prepare(tiny(data=CELEBA), tmp_path)


def test_broken_celeba_spoof_is_one_line(tmp_path):
    with pytest.raises(LimbeckError, match="no folder metas/intra_test"):
        prepare(tiny(data=CELEBA), class_folders(tmp_path / "other"))
    celeba(tmp_path)
    with pytest.raises(LimbeckError, match=r'set data\.layout = "celeba-spoof"'):
        prepare(tiny(), tmp_path)
    (tmp_path / "metas/intra_test/train_label.json").write_text('{"a": [')
    with pytest.raises(LimbeckError, match=r"train_label\.json: cannot be read"):
        prepare(tiny(data=CELEBA), tmp_path)


def test_the_size_of_what_is_refused_is_never_unpacked(tmp_path):
    """A header of 50,000 x 50,000 costs nothing: it would be 7.5 GB."""
    bad_files(class_folders(tmp_path) / "red")
    Image.fromarray(np.zeros((4, 4, 3), dtype=np.uint8)).save(tmp_path / "red" / "small.png")
    rows = prepare(tiny(), tmp_path)
    assert any("50,000 x 50,000" in line or "2500000000" in line for line in rows.findings)


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    class_folders(tmp_path / "far")
    home = tmp_path / "home"
    home.mkdir()
    for name in ("blue", "red"):
        (home / name).symlink_to(tmp_path / "far" / name)
    (tmp_path / "far" / "red" / "again").symlink_to(tmp_path / "far" / "red")
    (tmp_path / "far" / "red" / ".hidden").mkdir()
    square("red", 77).save(tmp_path / "far" / "red" / ".hidden" / "x.png")
    assert len(prepare(tiny(), home).labels) == 24


def test_a_broken_stream_or_animation_is_found_before_training_as_it_would_be_in_it(tmp_path):
    """A PNG whose EXIF is asked for before its pixels, and a GIF whose frames are counted, hid what was wrong."""
    frames = [square("red", seed, (32, 32)) for seed in range(4)]
    for name, options in (("png", {}), ("gif", {"save_all": True, "append_images": frames[1:]})):
        memory = io.BytesIO()
        frames[0].save(memory, name.upper(), **options)
        whole, random = memory.getvalue(), np.random.default_rng(0)
        for case in range(160):
            content = bytearray(whole[: len(whole) - case * len(whole) // 200])
            for at in random.integers(0, min(len(content), 400), case % 4):
                content[at] ^= 0x55
            file = tmp_path / f"{case}.{name}"
            file.write_bytes(bytes(content))
            outcomes = []
            for read in (look, upright):
                try:
                    read(Picture(str(file), name=file.name))
                    outcomes.append("fine")
                except LimbeckError as error:
                    outcomes.append(str(error))
            assert outcomes[0] == outcomes[1], file


def test_a_damaged_animation_is_said_and_its_first_frame_read(tmp_path):
    frames = [square("red", seed, (32, 32)) for seed in range(4)]
    memory = io.BytesIO()
    frames[0].save(memory, "GIF", save_all=True, append_images=frames[1:])
    for cut in range(len(memory.getvalue()) // 3, len(memory.getvalue()) - 1):
        (tmp_path / "cut.gif").write_bytes(memory.getvalue()[:cut])
        try:
            odd = look(Picture(str(tmp_path / "cut.gif"))).odd
        except LimbeckError:
            continue
        assert odd is None or "animation" in odd
        if odd and "damaged animation" in odd:
            return
    raise AssertionError("no cut left the first frame and broke the count")


def test_conflicts_and_leaks_speak_of_pictures_by_path(tmp_path):
    class_folders(tmp_path)
    shutil.copy(tmp_path / "red" / "00.png", tmp_path / "blue" / "odd.png")
    lines = prepare(tiny(), tmp_path).findings
    said = "2 rows have the same picture as another row but another label, such as rows blue/odd.png, red/00.png"
    assert said in lines
    assert not any("text" in line for line in lines)
    parts = class_folders(tmp_path / "parts", parts=("train", "test"))
    shutil.copy(parts / "test" / "red" / "00.png", parts / "train" / "red" / "copy.png")
    with pytest.raises(LimbeckError, match=r"such as rows test/red/00\.png and train/red/copy\.png"):
        prepare(tiny(data={"duplicates": "keep"}), parts)


def test_a_name_that_is_no_utf8_is_reported_and_the_rest_done(tmp_path):
    class_folders(tmp_path)
    shutil.copy(tmp_path / "red" / "00.png", os.fsencode(tmp_path / "red") + b"/\xba\xec.png")
    rows = prepare(tiny(), tmp_path)
    assert len(rows.labels) == 24
    assert any(r"red/\udcba\udcec.png: its path is not UTF-8; rename it" in line for line in rows.findings)


def test_unreadable_json_of_celeba_spoof_is_one_line_with_its_path(tmp_path):
    celeba(tmp_path)
    file = tmp_path / "metas/intra_test/train_label.json"
    whole = file.read_bytes()
    for content in (b"", b"\xff\xfe{", b"[" * 100_000, b"[1, 2]", b"{}", b'{"a": 1' + b"0" * 10_000 + b"}", whole[:-9]):
        file.write_bytes(content)
        with pytest.raises(LimbeckError, match=r"train_label\.json: ") as raised:
            prepare(tiny(data=CELEBA), tmp_path)
        assert "\n" not in str(raised.value)
    labels = json.loads(whole) | {"Data/\ud800.png": [0] * 44, "": [0] * 44, "a\0b": [1] * 44, "..": [0.5] * 44}
    file.write_text(json.dumps(labels))
    rows = prepare(tiny(data=CELEBA), tmp_path)
    assert len(rows.labels) == 16
    assert sum("unreadable picture left out" in line for line in rows.findings) == 4


def test_paths_written_on_windows_are_found_where_no_file_is_called_so(tmp_path):
    rows = [{"path": f"p\\{n}.png", "label": ("blue", "red")[n % 2]} for n in range(40)]
    for number, row in enumerate(rows):
        (tmp_path / "p").mkdir(exist_ok=True)
        square(row["label"], number).save(tmp_path / row["path"].replace("\\", "/"))
    square("red", 99).save(tmp_path / "p\\0.png")  # a file that is called so
    write_csv(tmp_path / "index.csv", rows)
    found = prepare(tiny(data={"train": "index.csv", "conflicts": "keep"}), tmp_path)
    assert counts(found) == {"train": 32, "valid": 4, "test": 4}
    assert not [line for line in found.findings if "unreadable" in line]
    files = {picture.name: picture.source for picture in pictures_of(found.frame, tiny().task)}
    assert files["p\\0.png"] == str(tmp_path / "p\\0.png")
    assert files["p\\1.png"] == str(tmp_path / "p" / "1.png")
