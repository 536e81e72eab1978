"""Pictures answered by several processes get the answers that one process gives, whatever becomes of the others."""

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import limbeck
from limbeck.bundle import stream, workers
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.workers import Workers
from limbeck.data.picture import Box, Picture
from limbeck.errors import LimbeckError
from pictures import bad_files, class_folders, tiny

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


def helpers():
    """Process ids of the workers that are alive, of this user's."""
    found = subprocess.run(["pgrep", "-f", "limbeck.bundle.workers"], capture_output=True, text=True).stdout
    return {int(number) for number in found.split()}


def crew_of(classifier, count):
    crew = Workers(classifier, count)
    crew.grow(count)
    assert len(crew._processes) == count - 1
    return crew


def gone(process, seconds=10.0):
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    return process.poll() is not None


def test_several_processes_give_the_answers_and_reasons_of_one(bundle, pictures):
    with Classifier(bundle) as classifier:
        crew = crew_of(classifier, 3)
        try:
            once = crew.submit(pictures)
            again = crew.submit(pictures[:1])
            (answers, bad), (single, none) = once.result(), again.result()
        finally:
            crew.close()
        sought, reasons = expected(classifier, pictures)
    good = np.setdiff1d(np.arange(len(pictures)), list(bad))
    assert bad == reasons
    assert answers[good].tobytes() == sought[good].tobytes()
    assert single.tobytes() == sought[:1].tobytes() and not none
    assert all(process.poll() is not None for process in crew._processes)


def test_the_other_processes_do_answer(bundle, pictures, monkeypatch):
    with Classifier(bundle) as classifier:
        monkeypatch.setattr(Workers, "_here", lambda self: None)  # this process leaves all to them
        crew = crew_of(classifier, 3)
        try:
            answers, bad = crew.submit(pictures).result()
        finally:
            crew.close()
        sought, reasons = expected(classifier, pictures)
    good = np.setdiff1d(np.arange(len(pictures)), list(bad))
    assert bad == reasons
    assert answers[good].tobytes() == sought[good].tobytes()


def test_a_killed_worker_leaves_its_pictures_to_the_others(bundle, pictures):
    with Classifier(bundle) as classifier:
        crew = crew_of(classifier, 3)
        try:
            many = [crew.submit(pictures) for _ in range(3)]
            many[0].result()
            for process in crew._processes:
                process.send_signal(signal.SIGKILL)
            found = [each.result()[0].tobytes() for each in many]
        finally:
            crew.close()
    assert len(set(found)) == 1


def test_a_bundle_that_has_changed_is_answered_here_alone(bundle, pictures, tmp_path):
    own = shutil.copytree(bundle, tmp_path / "own")
    with Classifier(own) as classifier:
        (own / "model.onnx").write_bytes(b"another")
        crew = crew_of(classifier, 2)
        try:
            answers, _ = crew.submit(pictures[:200]).result()
            assert gone(crew._processes[0])
        finally:
            crew.close()
        assert answers.tobytes() == expected(classifier, pictures[:200])[0].tobytes()


def test_what_fails_here_reaches_who_waits(bundle, monkeypatch):
    def fails(*_):
        raise LimbeckError("the disk is gone")

    with Classifier(bundle) as classifier:
        monkeypatch.setattr(workers, "_answers", fails)
        crew = crew_of(classifier, 1)
        try:
            with pytest.raises(LimbeckError, match="the disk is gone"):
                crew.submit([Picture("a.png")]).result()
        finally:
            crew.close()


def test_a_worker_ends_with_the_process_that_began_it(bundle):
    before = helpers()
    code = (
        "import time\nfrom limbeck.bundle.classifier import Classifier\nfrom limbeck.bundle.workers import Workers\n"
        f"crew = Workers(Classifier({str(bundle)!r}), 2); crew.grow(2)\n"
        "print(crew._processes[0].pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        number = int(parent.stdout.readline())
        assert number in helpers() - before
        parent.kill()
    until = time.monotonic() + 20
    while number in helpers() and time.monotonic() < until:
        time.sleep(0.05)
    assert number not in helpers()


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_a_long_run_is_the_same_file(bundle, folder, tmp_path, monkeypatch, kind):
    source = folder
    if kind == "table":
        names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.png"))
        source = folder / "rows.csv"
        source.write_text("path\n" + "".join(f"{name}\n" for name in [*names[:5], "missing.png", *names[5:]]))
    begun = []
    made = Workers.__init__
    monkeypatch.setattr(Workers, "__init__", lambda self, *given: begun.append(self) or made(self, *given))
    monkeypatch.setattr(stream, "WINDOW", 16)
    monkeypatch.setattr(stream, "EACH", 5)
    try:
        alone = limbeck.predict(bundle, source, tmp_path / "alone.csv", quiet=True)
        assert not begun
        monkeypatch.setattr(stream, "MANY", 20)
        with Classifier(bundle, threads=3) as classifier:
            helped = limbeck.predict(classifier, source, tmp_path / "helped.csv", quiet=True)
    finally:
        (folder / "rows.csv").unlink(missing_ok=True)
    assert len(begun) == 1 and len(begun[0]._processes) == 2
    assert (tmp_path / "helped.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert (helped.rows, helped.rejected) == (alone.rows, alone.rejected)
    assert all(process.poll() is not None for process in begun[0]._processes)


def test_no_room_for_another_process_is_no_failure(bundle, pictures, monkeypatch):
    def refused(*_, **__):
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(workers.subprocess, "Popen", refused)
    with Classifier(bundle) as classifier:
        crew = Workers(classifier, 4)
        try:
            crew.grow(4)
            answers, _ = crew.submit(pictures[:100]).result()
        finally:
            crew.close()
        assert answers.tobytes() == expected(classifier, pictures[:100])[0].tobytes()


def test_the_working_folder_is_no_place_to_import_from(bundle, pictures, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    monkeypatch.chdir(tmp_path)
    with Classifier(bundle) as classifier:
        crew = crew_of(classifier, 2)
        try:
            crew.submit(pictures[:300]).result()
        finally:
            crew.close()
    assert not (tmp_path / "imported").exists()
