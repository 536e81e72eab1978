"""Progress events come typed and paced, and a run that is cancelled goes on where it stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import polars as pl
import pytest

import limbeck
from limbeck import events
from limbeck.bundle.manifest import FORMAT, NewerFormatError
from limbeck.bundle.prediction import predict_files as stream
from limbeck.errors import MissingExtraError
from limbeck.locks import InUseError, sole_writer
from limbeck.model_names import UnknownModelError
from limbeck.process.cores import each
from limbeck.progress import progress, say
from limbeck.teachers.base import AnswerError
from limbeck.teachers.cache import answers, kept
from limbeck.training.train import work_folder
from small import reviews, tiny_recipe, write_csv, write_recipe
from teachers.make import Counting

RUN = tiny_recipe(
    "gru",
    student={"dropout": 0.3},
    training={"epochs": 3, "patience": 9, "batch_size": 32, "average": 0.9, "schedule": "plateau"},
)


class HeardError(Exception):
    """Stands for what a listener raises."""


def after(count, token, stage="fit"):
    """Return a listener that cancels at an event of a stage, and the events that it has heard."""
    heard = []

    def listen(event):
        heard.append(event)
        if event.stage == stage and event.done >= count:
            token.cancel()

    return listen, heard


def weights(bundle):
    return (bundle / "weights.safetensors").read_bytes()


@pytest.fixture
def every_event(monkeypatch):
    """Small runs are over before a second event is due."""
    monkeypatch.setattr(events, "GAP", 0.0)


@pytest.fixture(scope="module")
def whole(rows_folder, tmp_path_factory):
    """The bundle of a run that nothing stopped, and its events."""
    heard = []
    out = tmp_path_factory.mktemp("whole") / "bundle"
    limbeck.train(RUN, data=rows_folder, out=out, progress=heard.append)
    return out, heard


def test_training_tells_its_stages_and_the_figures_of_each_epoch(whole):
    _, heard = whole
    stages = list(dict.fromkeys(event.stage for event in heard))
    assert [name for name in stages if name != "run"] == ["read", "prepare", "fit", "export", "evaluate"]
    fits = [event for event in heard if event.stage == "fit"]
    assert fits[0].done == 0
    assert fits[-1].done == fits[-1].total
    epochs = [event for event in fits if event.message]
    figures = {name: value for event in epochs for name, value in event.figures.items()}
    assert {"epoch", "epochs", "train_loss", "learning_rate", "seconds_left", "loss", "accuracy"} <= set(figures)
    assert "epoch   3/3" in "".join(event.message for event in epochs)
    assert all(isinstance(value, float | int) for event in heard for value in event.figures.values())
    assert [event.at for event in heard] == sorted(event.at for event in heard)


def test_nothing_is_written_to_stderr_when_a_caller_listens(bundles, rows_folder, tmp_path, capfd):
    heard, bundle = [], bundles()
    capfd.readouterr()  # the training of the bundle has no listener
    data = rows_folder / "reviews.csv"
    limbeck.predict(bundle, data, tmp_path / "out.csv", progress=heard.append)
    limbeck.evaluate(bundle, data, bootstrap=20, progress=heard.append)
    limbeck.compare([bundle, bundle], data, bootstrap=20, progress=heard.append)
    assert capfd.readouterr() == ("", "")
    assert {"read", "predict", "evaluate", "compare"} <= {event.stage for event in heard}
    counts = [event.done for event in heard if event.stage == "predict"]
    assert max(counts) == 400


def test_without_a_listener_the_lines_are_those_of_the_terminal(rows_folder, tmp_path, capfd):
    limbeck.train(tiny_recipe(), data=rows_folder, out=tmp_path / "bundle")
    said = capfd.readouterr().err
    assert "epoch   3/3" in said
    assert "export: largest difference" in said


def test_a_listener_gets_ten_events_a_second_at_most_and_every_message():
    heard = []
    with events.listening(heard.append), events.stage("fit"), progress("rows", 1000) as tick:
        for number in range(1000):
            tick(1)
            if number % 20 == 0:
                say(f"line {number}")
    assert len(heard) <= events.PER_SECOND + 2
    assert (heard[0].done, heard[-1].done, heard[-1].total) == (0, 1000, 1000)
    lines = "\n".join(event.message for event in heard if event.message).split("\n")
    assert lines == [f"line {number}" for number in range(0, 1000, 20)]


def test_events_and_tokens_reach_the_threads_that_limbeck_starts():
    heard, token, stopped = [], events.Token(), []
    names = set()

    def work(at):
        names.add(threading.current_thread().name)
        say(f"item {at}")
        time.sleep(0.001)
        if at == 20:
            token.cancel()
        if events.cancelled():
            stopped.append(at)

    with events.told(heard.append, token):
        each(work, 40, workers=2)
    assert all("limbeck-each" in name for name in names)
    assert "item 39" in "\n".join(event.message for event in heard if event.message)
    assert stopped


@pytest.mark.parametrize("count", [1, 9, 24])
def test_a_cancelled_training_that_is_resumed_ends_with_the_same_weights(count, whole, rows_folder, tmp_path):
    token, out = limbeck.Token(), tmp_path / "bundle"
    listen, heard = after(count, token)
    with pytest.raises(limbeck.Cancelled, match=r"^stopped in epoch \d, step \d+; train again with resume"):
        limbeck.train(RUN, data=rows_folder, out=out, progress=listen, cancel=token)
    assert not out.exists()
    assert heard[-1].done < 40
    assert (work_folder(out) / "checkpoint.pt").is_file()
    limbeck.train(RUN, data=rows_folder, out=out, resume=True)
    assert weights(out) == weights(whole[0])
    assert (out / "metrics.json").read_bytes() == (whole[0] / "metrics.json").read_bytes()


def test_what_a_listener_raises_ends_the_run_and_loses_nothing(whole, bundles, rows_folder, tmp_path, every_event):
    def listen(event):
        if event.stage in ("fit", "predict") and event.done > 0:
            raise HeardError

    out = tmp_path / "bundle"
    with pytest.raises(HeardError):
        limbeck.train(RUN, data=rows_folder, out=out, progress=listen)
    limbeck.train(RUN, data=rows_folder, out=out, resume=True)
    assert weights(out) == weights(whole[0])
    with pytest.raises(HeardError):
        limbeck.predict(bundles(), rows_folder / "reviews.csv", tmp_path / "out.csv", progress=listen)
    assert limbeck.predict(bundles(), rows_folder / "reviews.csv", tmp_path / "out.csv").resumed == 400


def test_a_cancelled_predict_keeps_its_answers_and_goes_on_to_the_same_bytes(
    bundles, tmp_path, monkeypatch, every_event
):
    monkeypatch.setattr(stream, "WINDOW", 32)
    source = write_csv(tmp_path / "in.csv", reviews(200))
    limbeck.predict(bundles(), source, tmp_path / "whole.csv", quiet=True)
    token, out = limbeck.Token(), tmp_path / "out.csv"
    listen, _ = after(64, token, "predict")
    with pytest.raises(limbeck.Cancelled, match="the same call goes on from there"):
        limbeck.predict(bundles(), source, out, progress=listen, cancel=token)
    assert not out.exists()
    done = limbeck.predict(bundles(), source, out, quiet=True)
    assert done.resumed == 64
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_token_that_is_cancelled_already_stops_every_verb_at_once(bundles, rows_folder, tmp_path):
    token, data = limbeck.Token(), rows_folder / "reviews.csv"
    token.cancel()
    calls = [
        lambda: limbeck.train(RUN, data=rows_folder, out=tmp_path / "bundle", cancel=token),
        lambda: limbeck.predict(bundles(), data, tmp_path / "out.csv", cancel=token),
        lambda: limbeck.evaluate(bundles(), data, cancel=token),
        lambda: limbeck.compare([bundles(), bundles()], data, cancel=token),
    ]
    for call in calls:
        with pytest.raises(limbeck.Cancelled) as caught:
            call()
        assert (caught.value.code, isinstance(caught.value, limbeck.LimbeckError)) == ("cancelled", True)
    assert limbeck.evaluate(bundles(), data, bootstrap=20)["n"] == 400  # tokens end with their call


def test_errors_say_to_programs_what_kind_they_are(own_bundle, tmp_path):
    manifest = json.loads((own_bundle / "bundle.json").read_text("utf-8"))
    (own_bundle / "bundle.json").write_text(json.dumps({**manifest, "format": FORMAT + 1}))
    with pytest.raises(NewerFormatError, match="upgrade limbeck") as newer:
        limbeck.load(own_bundle)
    with sole_writer(tmp_path / "out.csv"), pytest.raises(InUseError) as busy, sole_writer(tmp_path / "out.csv"):
        pass
    with pytest.raises(limbeck.LimbeckError) as bad:
        limbeck.load(tmp_path)
    assert [caught.value.code for caught in (newer, busy, bad)] == ["newer-format", "in-use", "bad-input"]
    codes = {kind.code for kind in (MissingExtraError, AnswerError, UnknownModelError, limbeck.Cancelled)}
    assert codes == {"missing-extra", "teacher-failed", "unknown-model", "cancelled"}


def test_cancelling_between_blocks_of_a_teacher_keeps_its_answers(tmp_path, every_event):
    teacher, token = Counting(block=10), events.Token()
    frame = pl.DataFrame({"x": [float(number) for number in range(100)]})
    listen, heard = after(30, token, "teachers")
    with pytest.raises(events.Cancelled), events.told(listen, token), events.stage("teachers"):
        answers([teacher], frame, folder=tmp_path)
    assert [event.message for event in heard if event.message] == ["teacher count"]
    assert kept(teacher, frame, folder=tmp_path).there.sum() == 30


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_sigterm_stops_a_training_after_a_checkpoint_in_one_line(whole, rows_folder, tmp_path):
    recipe = write_recipe(tmp_path / "recipe.toml", RUN)
    out = tmp_path / "bundle"
    code = """
import os, signal, sys
from limbeck.cli import main
from limbeck.training.fit import loop
old = loop.average
def average(averaged, network, decay):
    old(averaged, network, decay)
    average.steps += 1
    if average.steps == 11:
        os.kill(os.getpid(), signal.SIGTERM)
average.steps = 0
loop.average = average
main.run()
"""
    words = ["train", str(recipe), "--data", str(rows_folder), "--out", str(out)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr.splitlines()[-1] == "stopped in epoch 2, step 11; train again with resume to go on"
    limbeck.train(recipe, data=rows_folder, out=out, resume=True)
    assert weights(out) == weights(whole[0])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_sigterm_ends_a_command_that_waits_for_a_pipe(bundles, tmp_path):
    code = """
import os, signal
from limbeck.cli import main, pipes, stop
stop.GRACE, old = 0.5, pipes.whole_input
def whole_input(*given, **more):
    os.kill(os.getpid(), signal.SIGTERM)
    return old(*given, **more)
pipes.whole_input = whole_input
main.run()
"""
    command = [sys.executable, "-c", code, "predict", str(bundles()), "-", str(tmp_path / "out.csv")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        said = child.stderr.read()  # its standard input stays open all the while
        child.wait()
    assert (child.returncode, said) == (143, "stopped\n")
