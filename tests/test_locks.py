"""An output has one writer at a time; a killed writer holds up nobody."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from limbeck.errors import LimbeckError
from limbeck.locks import lock_file, sole_writer

HOLD = """
import sys, time
from limbeck.locks import sole_writer
with sole_writer(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_writes_and_the_lock_is_free_afterwards(tmp_path):
    target = tmp_path / "out.csv"
    with holder(target) as process:
        line = rf"out.csv: another process \({process.pid}\) is writing this file; wait for it, or name another output"
        with pytest.raises(LimbeckError, match=line), sole_writer(target):
            pass
        process.stdin.close()
    with sole_writer(target):
        assert lock_file(target).read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_holds_up_nobody_and_leaves_nothing_behind(tmp_path):
    target = tmp_path / "out.csv"
    with holder(target) as process:
        process.send_signal(signal.SIGKILL)
    assert lock_file(target).exists()
    with sole_writer(target):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a file.csv", "链接", "folder"])
def test_threads_of_one_process_exclude_each_other(tmp_path, name):
    target = tmp_path / name
    if name == "folder":
        target.mkdir()
    with sole_writer(target), pytest.raises(LimbeckError, match="another thread of this process is writing"):
        sole_writer(target).__enter__()
    (tmp_path / "link").symlink_to(tmp_path)
    with sole_writer(target), pytest.raises(LimbeckError, match="is writing"):
        sole_writer(tmp_path / "link" / name).__enter__()


def test_a_holder_that_has_not_written_its_number_yet_is_named_all_the_same(tmp_path):
    target = tmp_path / "out.csv"
    with holder(target) as process:
        lock_file(target).write_text("")  # as in the moment between the lock and the number
        later = threading.Timer(0.1, lock_file(target).write_text, [f"{process.pid}\n"])
        later.start()
        with pytest.raises(LimbeckError, match=rf"another process \({process.pid}\) is writing"), sole_writer(target):
            pass
        later.join()
        lock_file(target).write_text("")  # one that never does
        with pytest.raises(LimbeckError, match="another process is writing this file"), sole_writer(target):
            pass
        process.stdin.close()


def test_other_outputs_in_the_same_folder_are_free(tmp_path):
    with sole_writer(tmp_path / "a"), sole_writer(tmp_path / "b"), sole_writer(tmp_path / "a.b"):
        assert len(list(tmp_path.iterdir())) == 3


def test_who_waits_gets_the_lock_one_after_the_other_and_says_so_after_a_second(tmp_path, capsys):
    target, inside, most = tmp_path / "cache", [], []

    def work() -> None:
        for _ in range(20):
            with sole_writer(target, wait=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    with sole_writer(target):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.2)
        assert most == []
    for thread in threads:
        thread.join()
    assert most == [1] * 80
    line = f"{target}: waiting for another thread of this process to finish writing\n"
    assert capsys.readouterr().err == line * 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stdout", "/dev/fd/1", "pipe"])
def test_devices_and_pipes_are_not_locked(tmp_path, path):
    target = tmp_path / path
    if path == "pipe":
        os.mkfifo(target)
    with sole_writer(target), sole_writer(target):
        assert not lock_file(target).exists()


def test_a_place_out_of_reach_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LimbeckError, match=r"file/out.csv: (Not a directory|File exists)"):
        sole_writer(tmp_path / "file" / "out.csv").__enter__()
