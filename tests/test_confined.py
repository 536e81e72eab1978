"""A module of ours in a child process: its answers arrive, and whatever the data makes it do becomes one line."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.process import confined
from limbeck.process.confined import Confined, Limits, ask_once
from limbeck.process.pipes import receive, send

MODULE = "confined_child"
linux = pytest.mark.skipif(sys.platform != "linux", reason="other kernels hold no process to its memory")


@pytest.fixture(scope="module")
def child():
    with Confined(MODULE, Limits(memory=2**28, seconds=20), where="x.bin") as child:
        yield child


def test_an_answer_comes_back_with_its_arrays(child):
    arrays = {
        "floats": np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3),
        "none": np.empty((0, 4), dtype=np.int64),
        "scalar": np.array(2.5),
        "big endian": np.arange(3, dtype=">i4"),
        "backwards": np.arange(6, dtype=np.int16)[::-2],
    }
    head, found = child.ask({"do": "echo", "text": "一\n\ud800", "nothing": None}, arrays)
    assert head == {"do": "echo", "text": "一\n\ud800", "nothing": None}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array * 2)
        assert found[name].shape == array.shape


def test_a_child_keeps_what_it_knows_from_one_request_to_the_next(child):
    assert [child.ask({"do": "count"})[0]["count"] for _ in range(3)] == [1, 2, 3]


def test_what_a_library_prints_does_not_get_between_the_answers(child):
    assert child.ask({"do": "print"})[0] == {"printed": True}
    assert child.ask({"do": "echo"})[0] == {"do": "echo"}


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"do": "panic"}, "x.bin: reading it failed: called `unwrap()`"),
        ({"do": "refuse"}, "x.bin: row 3 is broken; fix the row"),
        ({"do": "refuse", "where": "/a/b.xlsx"}, "/a/b.xlsx: row 3 is broken; fix the row"),
        ({"do": "nothing known"}, "x.bin: reading it failed: nothing known"),
        ({"do": "open", "path": "/etc/passwd", "mode": "r"}, "x.bin: reading it failed: [Errno 24]"),
        ({"do": "connect"}, "x.bin: reading it failed: [Errno 24]"),
        pytest.param({"do": "memory", "bytes": 2**30}, "x.bin: reading it needs more than 0.25 GB", marks=linux),
    ],
)
def test_a_fault_is_one_line_and_the_child_goes_on(child, asked, line):
    with pytest.raises(LimbeckError) as caught:
        child.ask(asked)
    assert str(caught.value).startswith(line)
    assert child.alive
    assert child.ask({"do": "memory", "bytes": 2**20})[0] == {"sum": 2**20}


@pytest.mark.parametrize(
    ("asked", "limits", "line"),
    [
        ({"do": "sleep"}, Limits(seconds=0.3), "reading it takes longer than 0.3 s, and was stopped"),
        ({"do": "spin"}, Limits(seconds=0.3), "reading it takes longer than 0.3 s, and was stopped"),
        ({"do": "crash"}, Limits(), "reading it needs more than 2 GB of memory, or crashed"),
        ({"do": "answer", "bytes": 2000}, Limits(answer=1000), "reading it gives no answer, or too large a one"),
    ],
)
def test_a_child_that_breaks_a_limit_ends_and_says_so_again(asked, limits, line):
    with Confined(MODULE, limits, where="x.bin") as child:
        for _ in range(2):
            with pytest.raises(LimbeckError) as caught:
                child.ask(asked)
            assert str(caught.value) == f"x.bin: {line}"
            assert not child.alive


def test_a_child_whose_parent_is_gone_stops_by_itself():
    with Confined(MODULE, Limits(seconds=60)) as child:
        child._process.stdin.write(b'{"seconds": 0, "asked": {"do": "spin"}, "arrays": []}\n')
        child._process.stdin.flush()
        assert child._process.wait(timeout=60) != 0  # by processor time: nobody waits for its answer


def test_files_are_read_and_written_up_to_the_bound_where_that_is_asked_for(tmp_path):
    (tmp_path / "in").write_text("hello")
    limits = Limits(files=True, written=1000)
    assert ask_once(MODULE, {"do": "open", "path": str(tmp_path / "in"), "mode": "r"}, limits=limits)[0] == {
        "read": "hello"
    }
    with Confined(MODULE, limits) as child:
        out = str(tmp_path / "out")
        assert child.ask({"do": "open", "path": out, "mode": "w", "size": 1000})[0] == {"read": 1000}
        with pytest.raises(LimbeckError, match="File too large"):
            child.ask({"do": "open", "path": out, "mode": "w", "size": 100_000})


def test_a_child_inherits_no_descriptor_no_home_and_no_secret(monkeypatch):
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    handle, _ = os.pipe()
    os.set_inheritable(handle, True)
    found, _ = ask_once(MODULE, {"do": "environment"})
    assert "AWS_SECRET_ACCESS_KEY" not in found["environment"]
    assert found["environment"]["HOME"] == os.devnull
    assert found["environment"]["ORT_DISABLE_TELEMETRY"] == "1"
    assert found["folder"] == Path.cwd().anchor
    assert len(found["open"]) == 2  # the two pipes


def test_a_message_that_promises_more_than_it_holds_is_refused():
    def piped(content):
        return receive(io.BytesIO(content), most=10**6)

    assert piped(b'{"a": 1, "arrays": []}\n') == ({"a": 1}, {})
    for content, error in (
        (b"", EOFError),
        (b'{"arrays": [["x", "<f4", [3]]]}\n1234', EOFError),
        (b'{"arrays": [["x", "<f4", [300000]]]}\n', ValueError),
        (b'{"arrays": [["x", "<f4", [-1, -4]]]}\n', ValueError),
        (b'{"arrays": [["x", "|O", [1]]]}\n12345678', ValueError),
        (b'{"arrays": 3}\n', ValueError),
        (b"[" * 100_000 + b"\n", ValueError),
        (b"{}\n", ValueError),
    ):
        with pytest.raises(error):
            piped(content)
    with pytest.raises(ValueError, match="no array of numbers"):
        send(None, {}, {"x": np.array(["text"])})


def test_without_limits_of_the_system_a_child_answers_all_the_same(monkeypatch):
    monkeypatch.setattr(confined, "resource", None)
    confined.confine(Limits())
    confined._limit_time(1.0)
