"""A full or read-only disk behind an output is the user's: one line, exit 2. A reader that is gone ends us quietly."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from limbeck.cli.main import run
from limbeck.cli.output import outside
from small import reviews, tiny_recipe, write_csv, write_recipe

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def limbeck(*words, **streams):
    command = [sys.executable, "-m", "limbeck", *map(str, words)]
    return subprocess.run(command, text=True, stderr=streams.pop("stderr", subprocess.PIPE), check=False, **streams)


@pytest.fixture(scope="module")
def home(tmp_path_factory, bundles):
    folder = tmp_path_factory.mktemp("streams")
    write_csv(folder / "reviews.csv", reviews(60))
    space = {"space": {"student.idf": [0.5, 1.0]}, "trials": 1}
    write_recipe(folder / "r.toml", tiny_recipe(training={"epochs": 1}, tune=space))
    shutil.copytree(bundles(), folder / "bundle")
    return folder


WORDS = [
    ("--help",),
    ("evaluate", "bundle", "reviews.csv", "--json"),
    ("compare", "bundle", "bundle", "reviews.csv"),
]


@FULL
@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_standard_output_on_a_full_disk_is_one_line(home, words):
    with Path("/dev/full").open("w") as full:
        done = limbeck(*words, cwd=home, stdout=full)
    line = "error: standard output: No space left on device; free some space or write to another disk\n"
    assert (done.returncode, done.stderr) == (2, line)


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_reader_that_is_gone_ends_it_without_a_word(home, words):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as gone:  # noqa: PTH123 - a descriptor
        done = limbeck(*words, cwd=home, stdout=gone)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")


@FULL
def test_answers_for_standard_output_on_a_full_disk_are_one_line(home):
    with Path("/dev/full").open("w") as full:
        done = limbeck("predict", "bundle", "reviews.csv", "-", cwd=home, stdout=full)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: standard output: No space left on device; free some")


@FULL
def test_standard_error_on_a_full_disk_changes_no_status(home):
    with Path("/dev/full").open("w") as full:
        words = ("predict", "bundle", "reviews.csv", "fine.csv")
        assert limbeck(*words, cwd=home, stderr=full, stdout=subprocess.PIPE).returncode == 0
        assert limbeck("predict", "bundle", "none.csv", "x.csv", cwd=home, stderr=full).returncode == 2
    assert (home / "fine.csv").exists()
    assert not (home / "x.csv").exists()


@pytest.fixture
def disk(request, tmp_path):
    """A place that is read-only, or one that holds 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", {"read-only": "ro", "full": "size=64k"}[request.param], "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    if request.param == "full":
        (place / "filler").write_bytes(b"x" * 44 * 1024)  # some files fit, no bundle and no search
    yield place
    subprocess.run(["umount", "-l", place], check=False)


VERBS = {
    "train": "train r.toml --out {}/out",
    "folds": "train r.toml --folds 2 --out {}/out/deep",
    "tune": "tune r.toml --out {}/out",
    "predict": "predict bundle many.csv {}/out.csv",
    "report": "evaluate bundle reviews.csv --report {}/out.html",
    "demo": "demo --out {}/out",
}


@pytest.mark.parametrize("disk", ["read-only", "full"], indirect=True)
@pytest.mark.parametrize("verb", VERBS)
def test_a_disk_that_cannot_be_written_is_one_line_and_nothing_is_left(home, disk, verb, request, capfd, monkeypatch):
    full = "full" in request.node.callspec.id
    if verb == "demo":
        pytest.importorskip("snownlp")
    if verb in ("folds", "demo") and full:
        pytest.skip("its first files are small enough, or it takes long")
    write_csv(home / "many.csv", reviews(3000))
    before = sorted(disk.iterdir())
    monkeypatch.chdir(home)
    with pytest.raises(SystemExit) as ended:
        run(VERBS[verb].format(disk).split())
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error")]
    assert ended.value.code == 2, said
    assert len(said) == 1
    reasons = ("No space left on device", "is full") if full else ("Read-only file system", "nothing may be written")
    assert any(reason in said[0] for reason in reasons), said
    if verb in ("report", "predict") or not full:
        assert [file for file in disk.iterdir() if not file.name.startswith(".")] == before


def test_errors_of_the_system_that_name_a_file_are_the_users_and_others_a_defect():
    assert str(outside(OSError(errno.ENOSPC, "", "/a/b"))).startswith("/a/b: No space left on device; free some")
    assert str(outside(PermissionError(errno.EACCES, "", "/a"))) == "/a: Permission denied; check the permissions"
    assert "No space left" in str(outside(OSError(errno.ENOSPC, "")))
    assert "TMPDIR: no folder" in str(outside(FileNotFoundError(2, "No usable temporary directory found in ['/x']")))
    assert outside(OSError(errno.ENOENT, "")) is None
    assert outside(OSError(errno.ECHILD, "")) is None
