"""One run at a time writes an output, and an unfinished one is only gone on from where nobody has touched its files."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import limbeck
from limbeck.bundle import manifest
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.prediction import predict_files as stream
from limbeck.bundle.prediction.resume_journal import Journal
from limbeck.errors import LimbeckError
from limbeck.files import swap_folder
from limbeck.locks import sole_writer
from pictures import class_folders, tiny
from small import reviews, write_csv

ROWS = 200


class InterruptedRunError(Exception):
    """Stands for the kill of a run, at a place that a test can name."""


class Interrupting(Classifier):
    """A classifier that does something when it is asked for the answers of the fourth window."""

    def __init__(self, path, act):
        super().__init__(path)
        self.act, self.asked = act, 0

    def submit(self, rows):
        self.asked += 1
        if self.asked == 4:
            self.act()
        return super().submit(rows)


def interrupt():
    raise InterruptedRunError


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "WINDOW", 32)
    rows = reviews(ROWS)
    rows[5]["text"] = ""  # a row that is rejected
    return write_csv(tmp_path / "in.csv", rows)


@pytest.fixture
def unfinished(bundles, source, tmp_path):
    """The output of a run that broke off after some windows, with its hidden files, and the bytes that are right."""
    limbeck.predict(bundles(), source, tmp_path / "whole.csv", quiet=True)
    output = tmp_path / "out.csv"
    with pytest.raises(InterruptedRunError), Interrupting(bundles(), interrupt) as classifier:
        limbeck.predict(classifier, source, output, quiet=True)
    assert not output.exists()
    return output, (tmp_path / "whole.csv").read_bytes()


def edit(journal, **changes):
    """Write a journal with other facts, hash and all, as whoever knows the format could."""
    facts = json.loads(journal.read_text("utf-8"))
    del facts["sha256"]
    journal.write_text(json.dumps(Journal(**{**facts, **changes}).dump()), encoding="utf-8")


def flip(file, at):
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


DAMAGE = {
    "nothing": None,
    "a position far behind the end": lambda part, rejects, journal: text(journal, '"row": ', '"row": 9'),
    "a source that is not there": lambda part, rejects, journal: text(journal, '"source": 0', '"source": 7'),
    "a position before the beginning": lambda part, rejects, journal: text(journal, '"row": ', '"row": -'),
    "a count that is no number": lambda part, rejects, journal: text(journal, '"answered": ', '"answered": "x", "y": '),
    "no JSON": lambda part, rejects, journal: journal.write_text("{", encoding="utf-8"),
    "nested JSON": lambda part, rejects, journal: journal.write_text("[" * 10**5, encoding="utf-8"),
    "a journal of another version": lambda part, rejects, journal: text(journal, '"crc"', '"checksum"'),
    "a cut answer": lambda part, rejects, journal: part.write_bytes(part.read_bytes()[:-20]),
    "a changed answer": lambda part, rejects, journal: flip(part, 40),
    "a changed reason": lambda part, rejects, journal: flip(rejects, 3),
    "no reasons": lambda part, rejects, journal: rejects.unlink(),
    "more bytes than there are": lambda part, rejects, journal: edit(journal, bytes=10**12),
}


def text(journal, old, new):
    content = journal.read_text("utf-8")
    assert old in content
    journal.write_text(content.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("damage", DAMAGE)
def test_files_of_an_unfinished_run_that_were_touched_are_not_gone_on_from(
    bundles, source, unfinished, tmp_path, damage, capsys
):
    output, right = unfinished
    hidden = [tmp_path / f".out.csv.{end}" for end in ("part", "rejected.part", "journal.json")]
    assert all(file.exists() for file in hidden)
    if DAMAGE[damage]:
        DAMAGE[damage](*hidden)
    done = limbeck.predict(bundles(), source, output)
    said = capsys.readouterr().err
    line = f"{output}: the files of an unfinished run are damaged; starting again at the first row"
    assert (line in said) == (damage != "nothing")
    assert (done.resumed > 0) == (damage == "nothing")
    assert (done.rows, done.rejected) == (ROWS - 1, 1)
    assert output.read_bytes() == right
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def cut(file):
    file.write_bytes(file.read_bytes()[:2000])


def grow(file):
    with file.open("a", encoding="utf-8") as opened:
        opened.write("r9,more\n" * 50)


def overwrite(file):
    file.write_bytes(file.read_bytes().replace(b"r1", b"q1"))


def replace(file):
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    other.replace(file)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("change", [cut, grow, overwrite, replace, Path.unlink])
def test_a_table_that_changes_while_it_is_read_gives_no_output(bundles, source, tmp_path, change, ending):
    limbeck.predict(bundles(), source, tmp_path / f"rows.{ending}", columns=["id", "text"], quiet=True)
    given, output = tmp_path / f"rows.{ending}", tmp_path / "out.csv"
    output.write_text("earlier", encoding="utf-8")
    with (
        pytest.raises(LimbeckError, match=rf"rows\.{ending}: (changed|was removed) while it was read.*run again once"),
        Interrupting(bundles(), lambda: change(given)) as classifier,
    ):
        limbeck.predict(classifier, given, output, quiet=True)
    assert output.read_text("utf-8") == "earlier"
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_later_table_of_a_folder_may_come_while_an_earlier_one_is_read_but_not_change(bundles, source, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_bytes(source.read_bytes())
    with Interrupting(bundles(), lambda: (folder / "c.csv").write_text("text\nx\n", encoding="utf-8")) as classifier:
        assert limbeck.predict(classifier, folder, tmp_path / "out.csv", quiet=True).rows == 2 * (ROWS - 1)
    with (
        pytest.raises(LimbeckError, match=r"b\.csv: changed while it was read, from"),
        Interrupting(bundles(), lambda: grow(folder / "b.csv")) as classifier,
    ):
        limbeck.predict(classifier, folder, tmp_path / "out.csv", quiet=True)


HOLD = """
import sys
from limbeck.locks import sole_writer
with sole_writer(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_told_that_the_first_one_writes_and_touches_nothing(bundles, source, unfinished, tmp_path):
    output, right = unfinished
    before = {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    with subprocess.Popen([sys.executable, "-c", HOLD, output], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        run.stdout.readline()
        what = rf"out\.csv: another process \({run.pid}\) is writing this file; wait for it, or name another output"
        for given in (source, write_csv(tmp_path / "other.csv", reviews(50, seed=8))):
            with pytest.raises(LimbeckError, match=what):
                limbeck.predict(bundles(), given, output, quiet=True)
        run.kill()
    assert all(file.read_bytes() == content for file, content in before.items())
    assert limbeck.predict(bundles(), source, output, quiet=True).resumed > 0
    assert output.read_bytes() == right


def test_runs_into_a_device_do_not_meet(bundles, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "null.csv").symlink_to("/dev/null")
    with sole_writer("null.csv"), sole_writer("null.csv"):
        assert limbeck.predict(bundles(), source, "null.csv", quiet=True).rows == ROWS - 1
    kept = {"in.csv", "null.csv", "null.csv.rejected.csv"}
    assert {file.name for file in tmp_path.iterdir()} == kept


@pytest.mark.parametrize("when", ["journal", "part"])
def test_a_run_killed_with_sigkill_in_a_rename_leaves_nothing_after_the_next(bundles, source, tmp_path, when):
    """The journal is written beside and renamed hundreds of times: what a kill in between leaves goes as well."""
    output = tmp_path / "out.csv"
    code = "import limbeck, sys; from limbeck.bundle.prediction import predict_files; predict_files.WINDOW = 1\n"
    code += "limbeck.predict(*sys.argv[1:], quiet=True)"
    pattern = {"journal": "..out.csv.journal.json.*.part", "part": ".out.csv.part"}[when]
    with subprocess.Popen([sys.executable, "-c", code, bundles(), source, output]) as run:
        deadline = time.monotonic() + 60
        while not any(tmp_path.glob(pattern)) and time.monotonic() < deadline:
            assert run.poll() is None
        run.send_signal(signal.SIGKILL)
    limbeck.predict(bundles(), source, output, quiet=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.csv", "out.csv", "out.csv.rejected.csv"]


@pytest.mark.parametrize("act", [cut, replace])
def test_a_picture_that_changes_while_a_folder_is_read_gives_no_output(tmp_path, act, monkeypatch):
    monkeypatch.setattr(stream, "WINDOW", 2)
    folder = class_folders(tmp_path / "pictures", 6)
    recipe = tiny(training={"epochs": 1}, evaluation={"baseline": False})
    bundle = limbeck.train(recipe, data=folder, out=tmp_path / "bundle").bundle
    last = max(folder.rglob("*.png"))
    with (
        pytest.raises(LimbeckError, match=rf"{last.name}: changed while it was read"),
        Interrupting(bundle, lambda: act(last)) as classifier,
    ):
        limbeck.predict(classifier, folder, tmp_path / "out.csv", quiet=True)
    assert not (tmp_path / "out.csv").exists()
    before = len(list(folder.rglob("*.*g")))
    with Interrupting(bundle, last.unlink) as classifier:
        done = limbeck.predict(classifier, folder, tmp_path / "out.csv", quiet=True)
    assert done.rows + done.rejected == before
    assert last.name in (tmp_path / "out.csv.rejected.csv").read_text("utf-8")


def test_a_bundle_that_is_replaced_while_it_is_loaded_is_of_one_training(bundles, tmp_path, monkeypatch):
    """Trainings put their bundle in the place of an earlier one at any moment, also between two files of a reader."""
    home = tmp_path / "bundle"
    shutil.copytree(bundles("ngram"), home)
    new = [tmp_path / f"new{at}" for at in range(2)]
    for place in new:
        shutil.copytree(bundles("gru"), place)
    verified = manifest._verify

    def replaced_behind(folder, found):
        verified(folder, found)
        if new:
            swap_folder(new.pop(), home)

    monkeypatch.setattr(manifest, "_verify", replaced_behind)
    with Classifier(home) as classifier, Classifier(bundles("gru")) as other:
        assert classifier.manifest.network == "gru"
        texts = [row["text"] for row in reviews(20)]
        assert (classifier.predict_proba(texts) == other.predict_proba(texts)).all()
    assert not new
