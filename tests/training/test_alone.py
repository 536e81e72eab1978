"""Training leaves the process that hosts it as it was, and two trainings in two threads give what each gives alone."""

import gc
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState
from PIL import Image, ImageFile

import limbeck
from limbeck.estimator import DistilledClassifier
from limbeck.process.quiet import without_root_logs, without_warnings
from limbeck.training.one_at_a_time import alone
from limbeck.training.search.cross_validation import cross_validate
from limbeck.training.search.tune import tune
from small import tiny_recipe, write_recipe


def process():
    """Return what belongs to the whole process and is easily changed for good."""
    root = logging.getLogger()
    return {
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "warnings": list(warnings.filters),
        "root logger": (root.level, list(root.handlers), list(root.filters), root.manager.disable),
        "loggers": {
            name: (found.level, list(found.handlers), list(found.filters))
            for name in ("torch.onnx", "optuna", "transformers", "PIL", "limbeck")
            for found in [logging.getLogger(name)]
        },
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "locale": locale.setlocale(locale.LC_ALL),
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "streams": (sys.stdout, sys.stderr),
        "path": list(sys.path),
        "recursion": sys.getrecursionlimit(),
        "collector": (gc.isenabled(), gc.get_threshold()),
        "random": random.getstate(),
        "numpy": (np.geterr(), str(np.random.get_state())),  # noqa: NPY002 - the host may still use it
        "pillow": (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES),
        "torch": (
            torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_rng_state().tolist(),
            torch.are_deterministic_algorithms_enabled(), torch.distributed.is_initialized(),
        ),
        "accelerate": [dict(state._shared_state) for state in (AcceleratorState, PartialState, GradientState)],
    }  # fmt: skip


@pytest.fixture(scope="module")
def warm(rows_folder, tmp_path_factory):
    """A bundle, made with everything imported: an import may set a default of its own."""
    bundle = limbeck.train(every_int8(), data=rows_folder, out=tmp_path_factory.mktemp("warm") / "b").bundle
    limbeck.evaluate(bundle, rows_folder / "reviews.csv", bootstrap=0)
    return bundle


def every_int8(network="gru"):
    return tiny_recipe(network, export={"int8": "auto"}, training={"epochs": 1, "threads": 2})


@pytest.mark.parametrize(
    "work",
    [
        lambda bundle, data, out: limbeck.train(every_int8(), data=data, out=out / "b"),
        lambda bundle, data, out: limbeck.load(bundle).predict(["好"]),
        lambda bundle, data, out: limbeck.predict(bundle, data / "reviews.csv", out / "a.csv"),
        lambda bundle, data, out: limbeck.evaluate(bundle, data / "reviews.csv", report=out / "r.html", bootstrap=0),
        lambda bundle, data, out: limbeck.doctor(every_int8(), data=data),
        lambda bundle, data, out: cross_validate(every_int8("ngram"), 2, data=data, out=out / "folds"),
        lambda bundle, data, out: tune(write_recipe(out / "r.toml", every_int8("ngram")), data=data, out=out, trials=1),
        lambda bundle, data, out: DistilledClassifier(epochs=1, random_state=0).fit(np.eye(6), [0, 1] * 3),
    ],
    ids=["train", "load", "predict", "evaluate", "doctor", "folds", "tune", "fit"],
)
def test_the_process_is_left_as_it_was(warm, rows_folder, tmp_path, work):
    before = process()
    work(warm, rows_folder, tmp_path)
    after = process()
    assert {name for name in before if before[name] != after[name]} == set()


def test_two_trainings_in_two_threads_give_what_each_gives_alone(rows_folder, tmp_path):
    def weights(seed, out):
        recipe = tiny_recipe("gru", training={"seed": seed, "epochs": 1}, export={"int8": "auto"})
        limbeck.train(recipe, data=rows_folder, out=out)
        return (out / "weights.safetensors").read_bytes()

    one = [weights(seed, tmp_path / f"alone{seed}") for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(weights, seed, tmp_path / f"both{seed}") for seed in (1, 2)]
        assert [future.result() for future in both] == one


def test_answers_while_another_thread_trains_are_those_of_any_other_time(bundles, rows_folder, tmp_path):
    texts = ["物流很快，水果新鲜", "质量太差"] * 20
    with limbeck.load(bundles("albert")) as classifier, ThreadPoolExecutor(1) as pool:
        wanted = classifier.predict_proba(texts)
        training = pool.submit(limbeck.train, tiny_recipe("ngram"), data=rows_folder, out=tmp_path / "b")
        asked = 0
        while not training.done() or not asked:
            np.testing.assert_allclose(classifier.predict_proba(texts), wanted, atol=1e-6)
            asked += 1
        training.result()


def test_who_waits_for_another_training_is_told(capsys):
    inside, leave = threading.Event(), threading.Event()

    def first():
        with alone():
            inside.set()
            leave.wait(60)

    def second():
        with alone():
            pass

    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(first)
        assert inside.wait(60)
        waiting = pool.submit(second)
        while "waiting" not in (said := capsys.readouterr().err):
            assert not waiting.done()
        leave.set()
        held.result()
        waiting.result()
    assert said == "waiting for another training in this process to end\n"


def test_a_host_keeps_its_own_warnings_while_a_package_is_silenced(caplog):
    with without_root_logs("onnxruntime"):
        theirs = logging.LogRecord("root", logging.WARNING, "/x/onnxruntime/quantization/q.py", 1, "theirs", (), None)
        logging.getLogger().handle(theirs)
        logging.warning("the host's")
    assert [record.getMessage() for record in caplog.records] == ["the host's"]


def test_threads_that_silence_warnings_one_inside_the_other_leave_no_filter():
    before = list(warnings.filters)
    first, second = without_warnings("PIL"), without_warnings("PIL")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert len(warnings.filters) == len(before) + 1
    second.__exit__(None, None, None)
    assert list(warnings.filters) == before
    with pytest.warns(UserWarning, match="heard"), without_warnings("PIL"):
        warnings.warn("heard", UserWarning, stacklevel=1)
