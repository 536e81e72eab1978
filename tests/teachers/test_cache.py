"""The cache: asked once, never a wrong hit, and nothing lost to SIGKILL."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.errors import LimbeckError
from limbeck.teachers import AnswerError, answers
from limbeck.teachers.cache import _halves, _restored, row_keys
from limbeck.teachers.cache.store import Store

from .make import Counting

ROWS = pl.DataFrame({"x": [0.25, 0.5, 0.25, 0.75], "y": ["a", "b", "c", "d"]})


def test_a_row_is_asked_once_and_answers_are_the_same_from_the_cache(tmp_path):
    teacher = Counting()
    fresh = answers([teacher], ROWS, folder=tmp_path, quiet=True)
    assert fresh.shape == (1, 4, 2) and fresh.dtype == np.float32
    assert teacher.asked == 3  # two rows look alike to it, whatever their other columns hold
    np.testing.assert_allclose(fresh[0, :, 1], [0.25, 0.5, 0.25, 0.75], atol=1e-3)
    again = answers([teacher], ROWS[::-1], folder=tmp_path, quiet=True)
    assert teacher.asked == 3
    np.testing.assert_array_equal(again[0, ::-1], fresh[0])


def test_a_changed_teacher_view_row_or_type_is_a_miss(tmp_path):
    for count, (teacher, rows, view) in enumerate(
        [
            (Counting(), ROWS, 0),
            (Counting(fingerprint="e" * 32), ROWS, 0),
            (Counting(), ROWS, 1),
            (Counting(), ROWS.with_columns(pl.col("x") + 1), 0),
            (Counting(), ROWS.with_columns(pl.col("x").cast(pl.String)), 0),
            (Counting(), ROWS.with_columns(pl.col("x").cast(pl.Float32)), 0),
        ]
    ):
        answers([teacher], rows, folder=tmp_path, view=view, quiet=True)
        assert teacher.asked == 3, count


def test_no_rows_no_teachers_and_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path))
    assert answers([Counting(), Counting()], ROWS[:0], quiet=True).shape == (2, 0, 2)
    with pytest.raises(LimbeckError, match="there are no teachers"):
        answers([], ROWS)
    answers([Counting()], ROWS, quiet=True)
    assert sorted(file.suffix for file in (tmp_path / "cache").iterdir()) == [".answers", ".keys", ".lock"]


def test_a_full_or_forbidden_disk_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LimbeckError, match="check the path"):
        answers([Counting()], ROWS, folder=tmp_path / "file" / "cache", quiet=True)


texts = st.one_of(st.none(), st.text(max_size=4))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=12))
def test_keys_are_equal_exactly_when_rows_are(pairs):
    rows = pl.DataFrame(pairs, schema={"a": pl.String, "b": pl.String}, orient="row")
    keys = [tuple(key) for key in row_keys(rows, ["a", "b"], 0, "t").tolist()]
    assert [[a == b for b in pairs] for a in pairs] == [[a == b for b in keys] for a in keys]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=True)), min_size=1, max_size=12))
def test_floats_that_differ_at_all_have_different_keys(values):
    rows = pl.DataFrame({"a": pl.Series(values, dtype=pl.Float64)})
    keys = [tuple(key) for key in row_keys(rows, ["a"], 0, "t").tolist()]
    assert len(set(keys)) == len({None if value is None else value.hex() for value in values})


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 40), st.integers(0, 2**32 - 1), st.floats(0.1, 200))
def test_half_precision_keeps_sums_and_abstentions(classes, seed, sharp):
    P = np.random.default_rng(seed).random((50, classes)) ** sharp + 1e-300
    P = (P / P.sum(axis=1, keepdims=True)).astype(np.float32)
    P[7] = np.nan
    back = _restored(_halves(P))
    assert np.isnan(back[7]).all() and not np.isnan(back[8]).any()
    assert np.nanmax(np.abs(back.sum(axis=1) - 1)) < 1e-3
    assert np.nanmax(np.abs(back - P)) < 1e-3


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 10**9), st.booleans())
def test_a_torn_tail_is_ignored_and_repaired(tmp_path_factory, sizes, cut, keys_too):
    """Cut the files anywhere: what counts is a prefix of the blocks, and adding goes on behind it."""
    folder = tmp_path_factory.mktemp("torn")
    random = np.random.default_rng(cut)
    store = Store(folder, "t", 2)
    blocks = [
        (random.integers(0, 2**63, (n, 2)).astype(np.uint64), random.random((n, 2)).astype(np.float16)) for n in sizes
    ]
    for keys, said in blocks:
        store.add(keys, said)
    file = store.keys_file if keys_too else store.answers_file
    whole = file.read_bytes()
    file.write_bytes(whole[: cut % (len(whole) + 1)] + b"rubbish"[: cut % 8])
    torn = Store(folder, "t", 2)
    torn.add(*blocks[-1])
    left = 0
    for keys, said in blocks[:-1]:
        at = torn.find(keys)
        assert (at >= 0).all() or (at < 0).all()
        left += int((at >= 0).all())
        if (at >= 0).all():
            np.testing.assert_array_equal(torn.get(at), said)
    assert all((torn.find(keys) >= 0).all() for keys, _ in blocks[:left])
    np.testing.assert_array_equal(Store(folder, "t", 2).get(torn.find(blocks[-1][0])), blocks[-1][1])


def test_keys_that_share_their_first_half_are_told_apart(tmp_path):
    store = Store(tmp_path, "t", 2)
    keys = np.array([[5, n] for n in range(20)] + [[6, 3]], dtype=np.uint64)
    store.add(keys[::-1].copy(), np.repeat(np.arange(21)[:, None], 2, axis=1).astype(np.float16))
    np.testing.assert_array_equal(store.find(keys), np.arange(21)[::-1])
    assert (store.find(np.array([[5, 99], [4, 0], [7, 0]], dtype=np.uint64)) == -1).all()


def test_a_flipped_bit_is_a_miss(tmp_path):
    answers([Counting()], ROWS, folder=tmp_path, quiet=True)
    file = next(tmp_path.glob("*.answers"))
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(content)
    teacher = Counting()
    answers([teacher], ROWS, folder=tmp_path, quiet=True)
    assert teacher.asked == 3


SLOW = """
import sys, time
from pathlib import Path
import polars as pl
sys.path.insert(0, sys.argv[2])
from teachers.make import Counting
from limbeck.teachers import answers
class Slow(Counting):
    def answer(self, rows):
        time.sleep(0.002)
        return super().answer(rows)
rows = pl.DataFrame({"x": [i / 4096 for i in range(4096)]})
teacher = Slow(block=16)
answers([teacher], rows, folder=Path(sys.argv[1]), quiet=True)
print(teacher.asked)
"""


def _child(folder: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", SLOW, str(folder), str(Path(__file__).parents[1])]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    child = _child(tmp_path)
    while sum(file.stat().st_size for file in tmp_path.glob("*.keys")) < 16 * 17 * 20 and child.poll() is None:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    rows = pl.DataFrame({"x": [i / 4096 for i in range(4096)]})
    teacher = Counting(block=512)
    got = answers([teacher], rows, folder=tmp_path, quiet=True)[0]
    assert 0 < teacher.asked <= 4096 - 16 * 20
    np.testing.assert_allclose(got[:, 1], rows["x"].to_numpy(), atol=1e-3)


def test_two_processes_may_fill_one_cache(tmp_path):
    children = [_child(tmp_path) for _ in range(2)]
    asked = [int(child.communicate(timeout=60)[0]) for child in children]
    rows = pl.DataFrame({"x": [i / 4096 for i in range(4096)]})
    teacher = Counting()
    got = answers([teacher], rows, folder=tmp_path, quiet=True)[0]
    assert teacher.asked == 0 and sum(asked) == 4096  # who comes second waits
    np.testing.assert_allclose(got[:, 1], rows["x"].to_numpy(), atol=1e-3)


def test_an_interrupted_teacher_keeps_its_blocks(tmp_path):
    rows = pl.DataFrame({"x": [i / 100 for i in range(100)]})
    with pytest.raises(RuntimeError):
        answers([Counting(stop=50)], rows, folder=tmp_path, quiet=True)
    teacher = Counting()
    answers([teacher], rows, folder=tmp_path, quiet=True)
    assert teacher.asked == 100 - 49


def test_writers_at_once_ask_for_no_row_twice(tmp_path):
    """Eight threads begin together, each with a part of the rows that overlaps with the others'."""
    rows = pl.DataFrame({"x": [i / 512 for i in range(512)]})
    teachers = [Counting(block=16) for _ in range(8)]
    begin = threading.Barrier(8)

    def ask(at: int) -> np.ndarray:
        begin.wait()
        return answers([teachers[at]], rows[at * 32 : at * 32 + 288], folder=tmp_path, quiet=True)[0]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert sum(teacher.asked for teacher in teachers) == 512
    for at, got in enumerate(found):
        np.testing.assert_allclose(got[:, 1], rows["x"].to_numpy()[at * 32 : at * 32 + 288], atol=1e-3)
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_fails_lets_the_next_one_ask_on(tmp_path):
    """While one run asks, another waits; when the first fails, the second asks for what is missing only."""
    rows = pl.DataFrame({"x": [i / 64 for i in range(64)]})
    asking, go_on = threading.Event(), threading.Event()

    class Failing(Counting):
        def answer(self, given):
            if self.asked >= 32:
                asking.set()
                go_on.wait(30)
                raise AnswerError("the server is gone", teacher=self.name)
            return super().answer(given)

    failing, waiting = Failing(block=16), Counting(block=16)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(answers, [failing], rows, folder=tmp_path, quiet=True)
        assert asking.wait(30)
        second = pool.submit(answers, [waiting], rows, folder=tmp_path, quiet=True)
        go_on.set()
        with pytest.raises(AnswerError, match="32 of 64 answers are kept"):
            first.result(30)
        np.testing.assert_allclose(second.result(30)[0][:, 1], rows["x"].to_numpy(), atol=1e-3)
    assert waiting.asked == 32


@pytest.mark.parametrize("absurd", [[np.nan, 0.5], [np.inf, 0], [-1, 2], [3, 4], [0, 0]])
def test_kept_answers_that_are_none_are_asked_anew(tmp_path, absurd, capfd):
    """Checksums of a file can be right and its numbers not."""
    keys = row_keys(ROWS, ["x"], 0, "t")
    Store(tmp_path, "f" * 32, 2).add(keys, np.array([[0.5, 0.5]] * 3 + [absurd], dtype=np.float16))
    teacher = Counting()
    got = answers([teacher], ROWS, folder=tmp_path, quiet=True)
    np.testing.assert_allclose(got[0, :, 1], ROWS["x"].to_numpy(), atol=1e-3)
    assert teacher.asked == 3
    assert "damaged, it holds what is no answer; its teacher is asked anew" in capfd.readouterr().err
    answers([teacher], ROWS, folder=tmp_path, quiet=True)
    assert teacher.asked == 3


@pytest.mark.parametrize("file", ["keys", "answers"])
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 400, b"\xff" * 400, b"[" * 100_000, b"\x01" + b"\0" * 7 + b"x" * 24], ids=len
)
def test_a_cache_of_rubbish_is_built_anew(tmp_path, file, content, capfd):
    answers([Counting()], ROWS, folder=tmp_path, quiet=True)
    (tmp_path / f"{'f' * 32}.{file}").write_bytes(content)
    teacher = Counting()
    got = answers([teacher], ROWS, folder=tmp_path, quiet=True)
    np.testing.assert_allclose(got[0, :, 1], ROWS["x"].to_numpy(), atol=1e-3)
    assert teacher.asked == 3
    said = capfd.readouterr().err
    assert ("damaged, or left by a killed run; their rows are asked again" in said) == (
        file == "answers" or bool(content)
    )
    answers([teacher], ROWS, folder=tmp_path, quiet=True)
    assert teacher.asked == 3


def test_a_cache_that_is_a_folder_is_one_line(tmp_path):
    (tmp_path / f"{'f' * 32}.keys").mkdir()
    (tmp_path / f"{'f' * 32}.answers").mkdir()
    with pytest.raises(LimbeckError, match="name a file, not a folder"):
        answers([Counting()], ROWS, folder=tmp_path, quiet=True)


class Broken(Counting):
    """Gives one answer as it must not be."""

    def __init__(self, bad):
        super().__init__(block=64)
        self.bad = bad

    def answer(self, rows):
        said = super().answer(rows)
        said[rows["x"].to_numpy() == 0.5] = self.bad
        return said


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([np.nan, 0.5], "is NaN for some classes only"),
        ([np.inf, 0], "infinite"),
        ([-0.5, 1.5], "negative"),
        ([0.2, 0.2], "does not sum to one"),
    ],
)
def test_a_bad_answer_names_teacher_and_row_and_keeps_the_others(tmp_path, bad, words):
    rows = pl.DataFrame({"x": [0.1, 0.1, 0.2, 0.5, 0.7]})
    with pytest.raises(AnswerError, match=rf"teacher 'count', row 4: .*{words}.*3 of 4 answers are kept") as error:
        answers([Broken(bad)], rows, folder=tmp_path, quiet=True)
    assert "\n" not in str(error.value)
    fixed = Counting()
    answers([fixed], rows, folder=tmp_path, quiet=True)
    assert fixed.asked == 1


def test_a_missing_column_names_the_nearest(tmp_path):
    with pytest.raises(LimbeckError, match="reads the column 'y1', which the rows lack; did you mean 'y'"):
        answers([Counting("y1")], ROWS, folder=tmp_path, quiet=True)


@pytest.mark.timeout(300)  # a guard against work without end, not a measurement
def test_a_million_kept_rows_are_found_again(tmp_path):
    rows = pl.DataFrame({"x": pl.Series(range(1_000_000)) / 1_000_000})
    teacher = Counting(block=250_000)
    answers([teacher], rows, folder=tmp_path, quiet=True)
    answers([teacher], rows, folder=tmp_path, quiet=True)
    assert teacher.asked == 1_000_000
