"""A file that changes while a run reads it is noticed by its size, its time of change or its inode."""

import os

import pytest

from limbeck.data.file_changes import Snapshot, parts_of
from limbeck.errors import LimbeckError
from signals import write_record


def same_size(file):
    file.write_bytes(file.read_bytes()[::-1])


def same_size_and_time(file):
    other = file.with_name("other")
    other.write_bytes(file.read_bytes()[::-1])
    found = file.stat()
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(file)


@pytest.mark.parametrize("change", [same_size, same_size_and_time])
@pytest.mark.parametrize("ending", ["hea", "dat", "atr"])
def test_a_record_changes_with_its_data_and_its_annotations(tmp_path, change, ending):
    header = write_record(tmp_path, "h1", 1, seconds=4.0)
    before = Snapshot(parts_of(header))
    before.refuse_changed()
    change(tmp_path / f"h1.{ending}")
    with pytest.raises(LimbeckError, match=rf"h1\.{ending}: changed while it was read; run again once"):
        before.refuse_changed()
    assert Snapshot(parts_of(header)).facts() != before.facts() or change is same_size_and_time


def test_annotations_that_come_later_are_a_change(tmp_path):
    header = write_record(tmp_path, "h1", 1, seconds=4.0, annotated=False)
    before = Snapshot(parts_of(header))
    write_record(tmp_path, "h1", 1, seconds=4.0)
    with pytest.raises(LimbeckError, match="changed while it was read"):
        before.refuse_changed()


def test_a_record_of_segments_has_the_data_of_all_of_them(tmp_path):
    write_record(tmp_path, "s1", 1, seconds=4.0)
    write_record(tmp_path, "s2", 2, seconds=4.0)
    (tmp_path / "long.hea").write_text("long/2 2 360 2880\ns1 1440\ns2 1440\n", encoding="utf-8")
    names = {file.name for file in parts_of(tmp_path / "long.hea")}
    assert {"long.hea", "s1.hea", "s1.dat", "s2.hea", "s2.dat", "long.atr"} <= names


def test_a_file_that_is_gone_counts_unless_it_may_go(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(b"x")
    before = Snapshot([str(file)])
    file.unlink()
    before.refuse_changed([str(file)], removed_too=False)
    with pytest.raises(LimbeckError, match="was removed while it was read"):
        before.refuse_changed()
