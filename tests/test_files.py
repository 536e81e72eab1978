"""A file or a folder appears whole or not at all, and what stood there before stays until then."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from limbeck.errors import LimbeckError, did_you_mean, first_line, missing_extra
from limbeck.files import no_nan, sha256, swap_folder, whole_file, whole_folder, write_json, write_text
from limbeck.kinds.signal.reading.formats.windows import arrays_in
from limbeck.locks import sole_writer
from limbeck.networks.image.base import read_state
from limbeck.networks.text.embedding import read_vectors


def test_a_file_is_replaced_only_when_it_is_finished(tmp_path):
    target = tmp_path / "deep" / "er" / "a.txt"
    write_text(target, "old\n")
    with pytest.raises(RuntimeError), whole_file(target) as part:
        part.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old\n"
    with whole_file(target) as part:
        part.write_text("new")
        assert target.read_text() == "old\n"
    assert target.read_text() == "new"
    assert [file.name for file in target.parent.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_only_when_it_is_finished(tmp_path):
    target = tmp_path / "bundle"
    with whole_folder(target) as part:
        (part / "a").write_text("old")
        (part / "sub").mkdir()
        (part / "sub" / "b").write_text("old")
    with pytest.raises(RuntimeError), whole_folder(target) as part:
        (part / "a").write_text("half")
        raise RuntimeError
    assert (target / "a").read_text() == "old"
    with whole_folder(target) as part:
        (part / "a").write_text("new")
    assert [file.name for file in target.iterdir()] == ["a"]
    assert [file.name for file in tmp_path.iterdir()] == ["bundle"]


def test_a_swap_that_fails_puts_the_old_folder_back(tmp_path):
    target = tmp_path / "old"
    target.mkdir()
    (target / "a").write_text("old")
    with pytest.raises(OSError, match="No such file"):
        swap_folder(tmp_path / "nowhere", target)
    assert (target / "a").read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_device_is_one_line_with_the_fix_and_stays_a_device():
    with pytest.raises(LimbeckError, match=r"/dev/full: No space left on device; free some space"):
        write_text("/dev/full", "x")
    assert Path("/dev/full").is_char_device()
    assert not [file for file in Path("/dev").iterdir() if file.name.startswith(".full")]


def test_places_out_of_reach_are_one_line_with_the_fix(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "in").mkdir(parents=True)
    with pytest.raises(LimbeckError, match=r"Not a directory|File exists"):
        write_text(tmp_path / "file" / "a", "x")
    with pytest.raises(LimbeckError, match="directory"):
        write_text(tmp_path / "folder", "x")
    assert (tmp_path / "folder" / "in").is_dir()


def test_json_has_no_nan_and_stays_readable(tmp_path):
    value = {"a": float("nan"), "b": [float("inf"), 1.5, np.float32(0.5)], "c": np.array([1, 2]), 3: "中文", "d": None}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text("utf-8")
    assert json.loads(text) == {"a": None, "b": [None, 1.5, 0.5], "c": [1, 2], "3": "中文", "d": None}
    assert "中文" in text
    assert no_nan((1, np.nan)) == [1, None]


def test_a_hash_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_an_error_is_always_one_line_with_where_what_and_fix():
    error = LimbeckError("two\nlines", where="a.csv", fix="fix\tit")
    assert str(error) == "a.csv: two lines; fix it"
    assert str(missing_extra("torch", "train", "training")).endswith('pip install -c constraints.txt -e ".[train]"')
    assert first_line(ValueError("a\nb")) == "a"
    assert first_line(EOFError()) == "EOFError"


def test_the_nearest_word_is_named_or_all_of_them():
    assert did_you_mean("epcohs", ["epochs", "seed"]) == "did you mean 'epochs'?"
    assert did_you_mean("LABEL", ["label", "text"]) == "did you mean 'label'?"
    assert did_you_mean("x", ["alpha", "beta"]) == "known: 'alpha', 'beta'"
    assert did_you_mean("x", []) == "there is none"
    assert did_you_mean("zz", map(str, range(100))).endswith(", …")


def test_progress_says_plain_lines_off_a_terminal(capsys):
    from limbeck.progress import progress

    with progress("rows", 10, every=0) as tick:
        tick(3)
        tick(7)
    with progress("quiet", None, quiet=True) as tick:
        tick(1)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["rows: 3 of 10", "rows: 10 of 10"]
    assert captured.out == ""


def test_nothing_of_a_killed_writer_is_taken_for_a_finished_file(tmp_path):
    pid = os.fork()
    if pid == 0:
        with whole_file(tmp_path / "a") as part:
            part.write_text("half")
            os._exit(1)
    os.waitpid(pid, 0)
    assert not (tmp_path / "a").exists()
    assert all(file.name.startswith(".") for file in tmp_path.iterdir())


def replaced_by_steps(monkeypatch):
    """Take the one-step exchange away, as on systems and disks that have none."""
    monkeypatch.setattr("limbeck.files.exchange", lambda one, other: False)


@pytest.mark.parametrize("steps", ["one", "two"])
def test_a_folder_takes_the_place_of_another_and_nothing_is_left(tmp_path, monkeypatch, steps):
    if steps == "two":
        replaced_by_steps(monkeypatch)
    for content in ("old", "new"):
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / content).write_text(content)
        swap_folder(tmp_path / "made", tmp_path / "bundle")
    assert [str(file.relative_to(tmp_path)) for file in sorted(tmp_path.rglob("*"))] == ["bundle", "bundle/new"]


def test_there_is_a_folder_at_every_moment_of_a_swap(tmp_path):
    target = tmp_path / "bundle"
    target.mkdir()
    watcher = subprocess.Popen(
        [sys.executable, "-c", "import os, sys\nwhile os.path.exists(sys.argv[1]): pass", str(target)]
    )
    try:
        for _ in range(300):
            (tmp_path / "made").mkdir()
            swap_folder(tmp_path / "made", target)
        assert watcher.poll() is None
    finally:
        watcher.kill()
        watcher.wait()


def test_what_stood_under_a_link_stays_when_a_folder_takes_its_place(tmp_path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "current").symlink_to("v1")
    with whole_folder(tmp_path / "current") as part:
        (part / "a").write_text("x")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["current", "v1"]
    assert not (tmp_path / "current").is_symlink()


def test_the_next_writer_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    target = tmp_path / "out"
    (tmp_path / ".out.01234567.part").mkdir()
    (tmp_path / ".out.01234567.part" / "model.onnx").write_text("half")
    (tmp_path / ".out.89abcdef.part").write_text("half")
    others = [
        ".out.b.01234567.part",
        ".out.csv.89abcdef.part",
        ".out.part",
        "out.01234567.part",
        ".outer.01234567.part",
    ]
    for name in others:
        (tmp_path / name).write_text("somebody's")
    with sole_writer(target):
        pass
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(others)


def test_an_earlier_folder_whose_successor_never_came_stands_again(tmp_path, monkeypatch):
    replaced_by_steps(monkeypatch)
    target = tmp_path / "bundle"
    (tmp_path / ".bundle.01234567.old").mkdir()
    (tmp_path / ".bundle.01234567.old" / "whole").write_text("x")
    (tmp_path / ".bundle.89abcdef.part").mkdir()
    with sole_writer(target):
        assert (target / "whole").read_text() == "x"
    assert [file.name for file in tmp_path.iterdir()] == ["bundle"]


def test_what_goes_to_a_pipe_arrives_and_a_file_behind_a_device_keeps_its_beginning(tmp_path):
    script = "from limbeck.files import write_text; write_text('/dev/stdout', 'x' * 300000)"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "x" * 300000
    kept = tmp_path / "kept"
    kept.write_text("before ")
    with kept.open("a") as file:
        subprocess.run(command, stdout=file, check=True)
    assert kept.read_text() == "before " + "x" * 300000


def damaged(kind, path):
    """Write arrays into a zip file whose bytes were changed."""
    np.savez_compressed(path, X=np.random.default_rng(0).normal(size=(50, 40)), embeddings=np.eye(30, 40))
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    content = bytearray(path.read_bytes())
    listed = [match.start() for match in re.finditer(b"PK\x01\x02", content)]
    if kind == "stream":
        for member in members:
            start = member.header_offset + 30 + len(member.filename) + 20
            content[start : start + 40] = b"\xff" * 40
    for place, member in zip(listed, members, strict=True):
        if kind == "method":
            content[place + 10] = content[member.header_offset + 8] = 99
        if kind == "encrypted":
            content[place + 8] |= 1
            content[member.header_offset + 6] |= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["stream", "method", "encrypted"])
@pytest.mark.parametrize("read", [arrays_in, read_vectors, lambda path: read_state(str(path))])
def test_a_damaged_zip_file_is_one_line_for_whoever_reads_arrays_from_it(kind, read, tmp_path):
    damaged(kind, tmp_path / "arrays.npz")
    (tmp_path / "arrays_vocab.json").write_text("{}", "utf-8")
    with pytest.raises(LimbeckError) as caught:
        read(tmp_path / "arrays.npz")
    assert "\n" not in str(caught.value) and "arrays.npz" in str(caught.value)
