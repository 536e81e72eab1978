"""Every row of every shard is answered once, with the bytes of one machine, whatever is killed on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import limbeck
from limbeck.errors import LimbeckError
from limbeck.events import Cancelled, Token
from limbeck.locks import sole_writer
from limbeck.scale.places import Entry
from limbeck.scale.plan import _matcher, find_shards
from limbeck.scale.predict_shards import ShardsFailedError, predict_shards
from scale.conftest import contents, write_shards


def run(bundle, source, output, on="processes:1", **asked):
    return predict_shards(bundle, source, output, on=on, progress=lambda event: None, **asked)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards") / "in", 8)


@pytest.fixture(scope="module")
def whole(bundle, shards, tmp_path_factory):
    """The folder of a job that nothing disturbed."""
    output = tmp_path_factory.mktemp("whole") / "out"
    run(bundle, f"{shards}/*.parquet", output, on="processes:2")
    return output


def test_each_shard_has_the_bytes_of_one_machine_and_the_manifest_says_so(bundle, shards, whole, tmp_path):
    found = contents(whole)
    for file in sorted(shards.iterdir()):
        done = limbeck.predict(bundle, file, tmp_path / file.name, quiet=True)
        assert found.pop(file.name) == (tmp_path / file.name).read_bytes()
        if done.rejects:
            assert found.pop(done.rejects.name) == done.rejects.read_bytes()
    manifest = json.loads(found.pop("_limbeck/manifest.json"))
    assert found == {}
    assert (manifest["rows"], manifest["rejected"]) == (8 * 40 - 2, 2)
    assert [shard["output"] for shard in manifest["shards"]] == [f"part-{at:02}.parquet" for at in range(8)]
    assert str(shards) not in json.dumps(manifest)


def test_a_job_that_is_done_reads_nothing_again(bundle, shards, whole):
    before = {file: file.stat().st_mtime_ns for file in whole.glob("*.parquet")}
    done = run(bundle, shards, whole)
    assert (done.resumed, done.answered_now) == (8, 0)
    assert before == {file: file.stat().st_mtime_ns for file in whole.glob("*.parquet")}


def test_shards_with_a_column_of_another_name(bundle, shards, whole, tmp_path):
    (tmp_path / "in").mkdir()
    for file in shards.iterdir():
        pl.read_parquet(file).rename({"text": "评论"}).write_parquet(tmp_path / "in" / file.name)
    with pytest.raises(LimbeckError, match="8 of 8 shards have no answers"):
        run(bundle, tmp_path / "in", tmp_path / "not", on="processes:1")
    run(bundle, tmp_path / "in", tmp_path / "out", on="processes:2", rename={"评论": "text"})
    for file in shards.iterdir():
        found, wanted = (pl.read_parquet(folder / file.name) for folder in (tmp_path / "out", whole))
        assert found["label"].equals(wanted["label"])
    with pytest.raises(LimbeckError, match="another"):
        run(bundle, tmp_path / "in", tmp_path / "out", on="processes:1", rename={"评论": "text", "id": "name"})


def test_parts_of_a_job_make_the_same_folder_in_any_order(bundle, shards, whole, tmp_path):
    assert run(bundle, shards, tmp_path / "out", on="part:2/3").manifest is None
    assert run(bundle, shards, tmp_path / "out", on="part:0/3").manifest is None
    assert run(bundle, shards, tmp_path / "out", on="part:1/3").manifest is not None
    assert contents(tmp_path / "out") == contents(whole)


def start(bundle, shards, output):
    words = ["-m", "limbeck", "predict", str(bundle), str(shards), str(output), "--on", "processes:2"]
    return subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def wait_for(there, process=None):
    until = time.monotonic() + 60
    while not there():
        assert time.monotonic() < until and (process is None or process.poll() is None)
        time.sleep(0.01)


def test_a_killed_job_goes_on_and_ends_with_the_same_bytes(bundle, shards, whole, tmp_path):
    output = tmp_path / "out"
    process = start(bundle, shards, output)
    wait_for(lambda: len(list(output.glob("_limbeck/shards/*.json"))) >= 2, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    noted = len(list(output.glob("_limbeck/shards/*.json")))
    done = run(bundle, shards, output)
    assert done.resumed >= noted
    assert contents(output) == contents(whole)


def children(pid):
    lists = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]  # each thread has its own
    return [int(word) for file in lists for word in file.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker in /proc")
def test_a_killed_worker_costs_its_shard_once_more_and_nothing_else(bundle, shards, whole, tmp_path):
    before, killed = set(children(os.getpid())), []

    def kill(event):
        if not killed and (workers := set(children(os.getpid())) - before):
            killed.append(min(workers))
            os.kill(killed[0], signal.SIGKILL)

    predict_shards(bundle, shards, tmp_path / "out", on="processes:2", progress=kill)
    assert killed
    assert contents(tmp_path / "out") == contents(whole)


def test_a_shard_that_cannot_be_read_has_one_line_and_the_others_are_answered(bundle, shards, tmp_path):
    mine = shutil.copytree(shards, tmp_path / "in")
    (mine / "part-02.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(ShardsFailedError, match=r"1 of 8 shards have no answers.*part-02\.parquet") as raised:
        run(bundle, mine, tmp_path / "out")
    assert raised.value.done.manifest is None
    assert len(list((tmp_path / "out").glob("part-*.parquet"))) == 7
    assert not (tmp_path / "out" / "_limbeck" / "manifest.json").exists()


def test_answers_of_two_bundles_or_of_two_inputs_are_not_mixed(own_bundle, bundles, shards, tmp_path):
    mine = shutil.copytree(shards, tmp_path / "in")
    run(own_bundle, mine, tmp_path / "out", on="part:0/2")
    with pytest.raises(LimbeckError, match="begun with another bundle"):
        run(bundles("gru"), mine, tmp_path / "out")
    with pytest.raises(LimbeckError, match=r"begun with other columns"):
        run(own_bundle, mine, tmp_path / "out", columns=["id", "label"])
    pl.read_parquet(mine / "part-00.parquet").head(3).write_parquet(mine / "part-00.parquet")
    with pytest.raises(LimbeckError, match=r"begun with another version of part-00\.parquet"):
        run(own_bundle, mine, tmp_path / "out")
    (mine / "part-00.parquet").unlink()
    with pytest.raises(LimbeckError, match=r"other input files \(part-00\.parquet was removed\)"):
        run(own_bundle, mine, tmp_path / "out")


def test_foreign_files_in_the_output_are_refused_and_stay(bundle, shards, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(LimbeckError, match=r"not of this job: notes\.txt"):
        run(bundle, shards, tmp_path / "out")
    with pytest.raises(LimbeckError, match="not of this job"):
        run(bundle, shards, shards)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_second_job_in_one_folder_is_refused(bundle, shards, tmp_path):
    with sole_writer(tmp_path / "out"), pytest.raises(LimbeckError, match="is writing this"):
        run(bundle, shards, tmp_path / "out")


def test_a_job_that_is_stopped_goes_on_later(bundle, shards, whole, tmp_path):
    token = Token()
    token.cancel()
    run(bundle, shards, tmp_path / "out", on="part:0/2")
    with pytest.raises(Cancelled, match="goes on from there"):
        run(bundle, shards, tmp_path / "out", cancel=token)
    assert run(bundle, shards, tmp_path / "out").resumed == 4
    assert contents(tmp_path / "out") == contents(whole)


@pytest.mark.parametrize(
    ("on", "line"),
    [("proceses", "processes"), ("processes:x", "not a number"), ("part:3/3", "not a part"), ("part", "not a part")],
)
def test_what_cannot_be_run_on_is_one_line(bundle, shards, tmp_path, on, line):
    with pytest.raises(LimbeckError, match=line):
        run(bundle, shards, tmp_path / "out", on=on)
    assert not (tmp_path / "out").exists()


def test_patterns_name_tables_in_folders_and_outputs_keep_the_folders(bundle, tmp_path):
    write_shards(tmp_path / "in" / "a", 1)
    write_shards(tmp_path / "in" / "b" / "c", 1)
    (tmp_path / "in" / "readme.md").write_text("no table")
    done = run(bundle, tmp_path / "in" / "**" / "*.parquet", tmp_path / "out", on="processes:1", ending=".csv")
    assert done.shards == 2
    names = [file.relative_to(tmp_path / "out").as_posix() for file in sorted((tmp_path / "out").rglob("*.csv"))]
    assert names == ["a/part-00.parquet.csv", "b/c/part-00.parquet.csv"]
    with pytest.raises(LimbeckError, match=r"readme\.md: matches the pattern and is no table"):
        run(bundle, f"{tmp_path}/in/*", tmp_path / "other")
    with pytest.raises(LimbeckError, match="no file matches"):
        run(bundle, f"{tmp_path}/in/*.tsv", tmp_path / "other")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.csv", "a.csv", True),
        ("a?b.csv", "a/b.csv", False),
        ("*/x.csv", "a/b/x.csv", False),
        ("**/x.csv", "a/b/x.csv", True),
        ("**/x.csv", "x.csv", True),
        ("a[0-3].csv", "a2.csv", True),
        ("a[!0-3].csv", "a2.csv", False),
        ("a[!0-3].csv", "a7.csv", True),
        ("a+(1).csv", "a+(1).csv", True),
        ("a[[]1].csv", "a[1].csv", True),
        ("*.csv", "a.csv\n", False),
    ],
)
def test_patterns_match_inside_one_folder(pattern, name, matches):
    assert bool(_matcher(pattern)(name)) == matches


class Bucket:
    """A listing as object storage may give it, where names are any texts."""

    shown = "s3://bucket/in"

    def entries(self, under="", *, deep):
        return [Entry(name, 1, 1) for name in ("/etc/a.csv", "../b.csv", "x/../../c.csv", ".d.csv", "e.csv")]


def test_names_that_lead_out_of_the_folder_are_not_read():
    assert [shard.input for shard in find_shards(Bucket(), "**/*.csv", ".csv")] == ["e.csv"]


def test_a_single_file_is_a_shard(bundle, shards, tmp_path):
    done = run(bundle, shards / "part-00.parquet", tmp_path / "out")
    assert (done.shards, done.rows) == (1, 40)
    with pytest.raises(LimbeckError, match="name a folder or a pattern"):
        run(bundle, shards / "nothing", tmp_path / "other")
