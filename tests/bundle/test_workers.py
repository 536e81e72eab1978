"""Pictures answered by several processes get the answers that one process gives, whatever becomes of the others."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.prediction import row_workers as workers
from limbeck.bundle.prediction.row_workers import Workers
from limbeck.kinds.image.reading.decode import Box, Picture
from limbeck.kinds.image.sent import sent
from limbeck.kinds.text import sent as text_sent
from limbeck.process.pipes import receive, send
from pictures import bad_files, class_folders, tiny
from small import reviews, write_csv

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are counted under /proc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("pictures"), 20)


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    recipe = tiny(training={"epochs": 1})
    return limbeck.train(recipe, data=folder, out=tmp_path_factory.mktemp("bundle") / "squares").bundle


@pytest.fixture(scope="module")
def pictures(folder, tmp_path_factory):
    files = sorted(folder.rglob("*.png")) * 20
    bad = tmp_path_factory.mktemp("bad")
    broken = [Picture(bad / name) for name in bad_files(bad)]
    boxed = [Picture(file, Box(2, 3, 10, 9 + at % 5), name=f"row {at}") for at, file in enumerate(files[:40])]
    outside = [Picture(files[0], Box(500, 500, 3, 3)), Picture(files[0], Box(float("nan"), 0, 3, 3))]
    return [*map(Picture, files), *broken, *boxed, *outside, Picture("")]


def expected(classifier, pictures):
    rows, bad = classifier.encoder.encode_each(pictures)
    return classifier.submit(rows).result(), {at: str(error) for at, error in bad.items()}


@contextlib.contextmanager
def crew_of(classifier, count):
    crew = Workers(classifier, count)
    try:
        crew.grow(count)
        yield crew
    finally:
        crew.close()


def alive(bundle):
    """Process ids of the workers of a bundle that are alive."""
    found = subprocess.run(
        ["pgrep", "-f", f"limbeck.bundle.prediction.row_workers {bundle}"], capture_output=True, text=True
    ).stdout
    return {int(number) for number in found.split()}


def until(holds, seconds=200.0):  # a guard against waiting for ever, not a measurement
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.002)
    return holds()


def check_alike(found, sought):
    (answers, bad), (expected_answers, reasons) = found, sought
    good = np.setdiff1d(np.arange(len(answers)), list(reasons))
    assert bad == reasons
    assert answers[good].tobytes() == expected_answers[good].tobytes()


def test_several_processes_give_the_answers_and_reasons_of_one(bundle, pictures):
    with Classifier(bundle) as classifier:
        with crew_of(classifier, 3) as crew:
            assert len(crew._processes) == 2
            once, again = crew.submit(pictures), crew.submit(pictures[:1])
            found, single = once.result(), again.result()
        sought = expected(classifier, pictures)
    check_alike(found, sought)
    check_alike(single, (sought[0][:1], {}))
    assert all(process.poll() is not None for process in crew._processes)


def test_a_worker_says_what_it_serves_and_answers_each_message(bundle, pictures):
    command = [sys.executable, "-m", "limbeck.bundle.prediction.row_workers", str(bundle), "model.onnx"]
    with Classifier(bundle) as classifier, subprocess.Popen(command, stdin=-1, stdout=-1) as worker:
        assert receive(worker.stdout) == (workers._about(classifier), {})
        for part in (pictures[:30], pictures[-60:]):
            send(worker.stdin, {"rows": sent(part)})
            head, made = receive(worker.stdout)
            reasons = {int(at): reason for at, reason in head["bad"].items()}
            check_alike((made["answers"].reshape(-1, 2), reasons), expected(classifier, part))
        worker.stdin.close()
        assert worker.wait(20) == 0


def test_a_killed_worker_leaves_its_pictures_to_the_others(bundle, pictures):
    with Classifier(bundle) as classifier, crew_of(classifier, 3) as crew:
        many = [crew.submit(pictures) for _ in range(3)]
        many[0].result()
        for process in crew._processes:
            process.send_signal(signal.SIGKILL)
        assert len({each.result()[0].tobytes() for each in many}) == 1


def test_a_bundle_that_has_changed_is_answered_here_alone(bundle, pictures, tmp_path):
    own = shutil.copytree(bundle, tmp_path / "own")
    with Classifier(own) as classifier:
        (own / "model.onnx").write_bytes(b"another")
        with crew_of(classifier, 2) as crew:
            found = crew.submit(pictures[:200]).result()
            assert until(lambda: crew._processes[0].poll() is not None)
        check_alike(found, expected(classifier, pictures[:200]))


def test_what_fails_here_reaches_who_waits(bundle, pictures):
    with Classifier(bundle) as classifier, crew_of(classifier, 1) as crew:
        classifier.close()  # no answer can be had from it now
        with pytest.raises(RuntimeError, match="after shutdown"):
            crew.submit(pictures[:1]).result()


def test_a_worker_ends_with_the_process_that_began_it(bundle):
    code = (
        "import time\nfrom limbeck.bundle.classifier import Classifier\n"
        "from limbeck.bundle.prediction.row_workers import Workers\n"
        f"crew = Workers(Classifier({str(bundle)!r}), 2); crew.grow(2)\n"
        "print(crew._processes[0].pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        number = int(parent.stdout.readline())
        assert number in alive(bundle)
        parent.kill()
    assert until(lambda: number not in alive(bundle))


def test_a_worker_ends_with_its_parent_though_a_fork_of_the_parent_lives_on(bundle):
    code = (
        "import os, time\nfrom limbeck.bundle.classifier import Classifier\n"
        "from limbeck.bundle.prediction.row_workers import Workers\n"
        f"crew = Workers(Classifier({str(bundle)!r}), 2); crew.grow(2)\n"
        "child = os.fork()\n"
        "if child: print(crew._processes[0].pid, child, flush=True)\n"
        "time.sleep(60); os._exit(0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        number, child = map(int, parent.stdout.readline().split())
        assert number in alive(bundle)
        parent.kill()
        try:
            assert until(lambda: number not in alive(bundle))
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.fixture(scope="module")
def long(folder, tmp_path_factory):
    """A folder of 7,000 small pictures, three of them broken, and a table of some of them."""
    place = tmp_path_factory.mktemp("long")
    contents = [file.read_bytes() for file in sorted(folder.rglob("*.png"))]
    for at in range(7000):
        (place / f"{at:05d}.png").write_bytes(contents[at * 7 % len(contents)] if at % 3000 != 999 else b"no picture")
    (place / "rows.csv").write_text("path\n" + "".join(f"{at:05d}.png\n" for at in range(5000, 1, -1)))
    return place


@pytest.mark.parametrize("name", ["", "rows.csv"])
def test_a_long_run_is_the_same_file(bundle, long, tmp_path, name):
    with Classifier(bundle, threads=1) as classifier:
        alone = limbeck.predict(classifier, long / name, tmp_path / "alone.csv", quiet=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    for _ in range(10):  # on a busy machine a run may be over before another process has begun
        with Classifier(bundle, threads=3) as classifier:
            helped = limbeck.predict(classifier, long / name, tmp_path / "helped.csv", quiet=True)
        if others := resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before > 0.2:
            break
    assert others  # did work, and have ended
    assert (tmp_path / "helped.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert (helped.rows, helped.rejected) == (alone.rows, alone.rejected) and alone.rejected in (2, 3)
    assert helped.rejects.read_bytes() == alone.rejects.read_bytes()


def test_a_long_run_of_texts_is_the_same_file(bundles, tmp_path, monkeypatch):
    monkeypatch.setattr(text_sent, "MANY", 100)
    monkeypatch.setattr(text_sent, "EACH", 100)
    texts = [*reviews(300), {"id": "e", "text": "", "label": "", "domain": "", "split": ""}] * 50
    write_csv(tmp_path / "rows.csv", texts)
    with Classifier(bundles("ngram"), threads=1) as classifier:
        alone = limbeck.predict(classifier, tmp_path / "rows.csv", tmp_path / "alone.csv", quiet=True)
    with Classifier(bundles("ngram"), threads=2) as classifier:
        done = limbeck.predict(classifier, tmp_path / "rows.csv", tmp_path / "helped.csv", quiet=True)
        with crew_of(classifier, 2) as crew:
            assert another_worked(crew)
    assert (done.rows, done.rejected) == (alone.rows, alone.rejected) == (15_000, 50)
    assert (tmp_path / "helped.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()


def another_worked(crew):
    """Whether a process beside this one answers texts: this one takes a run at a time, and there are many."""
    many = [crew.submit([f"{at} {row['text']}" for row in reviews(300)] * 14) for at in range(20)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    answers = [each.result()[0] for each in many]
    crew.close()
    return len(answers) == 20 and resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > before


def test_a_killed_run_goes_on_behind_the_last_window_and_leaves_no_worker(bundle, long, tmp_path):
    limbeck.predict(bundle, long, tmp_path / "whole.csv", quiet=True)
    code = f"import limbeck; limbeck.predict({str(bundle)!r}, {str(long)!r}, {str(tmp_path / 'again.csv')!r})"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as run:
        assert until((tmp_path / ".again.csv.journal.json").exists)
        run.kill()
    assert not (tmp_path / "again.csv").exists()
    done = limbeck.predict(bundle, long, tmp_path / "again.csv", quiet=True)
    assert 0 < done.resumed < 7000
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert until(lambda: not alive(bundle))


def test_no_room_for_another_process_is_no_failure(bundle, folder):
    code = (
        "import sys\nfrom limbeck.bundle.classifier import Classifier\n"
        "from limbeck.bundle.prediction.row_workers import Workers\n"
        "from limbeck.kinds.image.reading.decode import Picture\nsys.executable = '/nowhere/python'\n"
        f"crew = Workers(Classifier({str(bundle)!r}), 4); crew.grow(4)\n"
        f"answers, bad = crew.submit([Picture({str(folder / 'red' / '00.png')!r})] * 100).result()\n"
        "crew.close(); print(len(crew._processes), len(answers), bad)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "0 100 {}\n", done.stderr


def test_the_working_folder_is_no_place_to_import_from(bundle, pictures, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    monkeypatch.chdir(tmp_path)
    with Classifier(bundle) as classifier, crew_of(classifier, 2) as crew:
        crew.submit(pictures[:300]).result()
        assert crew._processes[0].poll() is None
    assert not (tmp_path / "imported").exists()
