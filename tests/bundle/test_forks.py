"""A process forked from one that has loaded and used a bundle answers as its parent does, or says why it cannot."""

import os

import polars as pl
import pytest

from small import python, reviews, write_csv

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

# In the child each step has seconds to end: one that waits for ever ends in a status that is no 0.
FORKED = """
import os, signal, sys
import numpy as np
import limbeck

def forked(work):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        status = 1
        try:
            work()
            status = 0
        except limbeck.LimbeckError as error:
            print("refused:", error, flush=True)
            status = 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

"""
TEXTS = """
texts = ["物流很快，水果新鲜", "质量太差", "再也不买", "强烈推荐"] * 9
for path in sys.argv[1:]:
    with limbeck.load(path) as classifier:
        wanted = classifier.predict_proba(texts)
        same = lambda: np.testing.assert_allclose(classifier.predict_proba(texts), wanted, atol=1e-6)
        print("used", forked(same))
        print("child of a child", forked(lambda: os._exit(forked(same))))
        print("loaded anew", forked(lambda: limbeck.load(path).predict_proba(texts)))
        same()
"""


def test_texts_are_answered_in_a_forked_process_and_in_its_parent_alike(bundles):
    done = python(FORKED + TEXTS, bundles("ngram"), bundles("albert"))
    # Forking while another thread runs native code is not among them: locks that it holds stay locked in the child.
    lines = ["used 0", "child of a child 0", "loaded anew 0"]
    assert done.stdout.splitlines() == lines * 2, done.stderr
    assert done.stderr == ""


TABLES = """
import polars as pl
from limbeck.estimator import DistilledClassifier

random = np.random.default_rng(0)
X, y = random.normal(size=(60, 3)), random.integers(0, 2, 60)
model = DistilledClassifier(epochs=1, random_state=0).fit(X, y)
bundle = str(model.save(sys.argv[1]))
frame = pl.DataFrame(X, schema=["x0", "x1", "x2"])
with limbeck.load(bundle) as classifier, limbeck.load(sys.argv[2]) as texts:
    wanted = classifier.predict_proba(frame)
    for what, work in {
        "rows": lambda: classifier.predict_proba(frame),
        "dicts": lambda: classifier.predict_proba(frame.to_dicts()),
        "loading": lambda: limbeck.load(bundle),
        "estimator": lambda: model.predict_proba(X),
        "frame of texts": lambda: texts.predict_proba(pl.DataFrame({"text": ["好"]})),
        "file": lambda: limbeck.predict(bundle, sys.argv[3], sys.argv[3] + ".out.csv"),
        "judgement": lambda: limbeck.evaluate(bundle, sys.argv[3]),
    }.items():
        print(what, forked(work), flush=True)
    np.testing.assert_array_equal(classifier.predict_proba(frame), wanted)
"""


def test_tokenizers_that_are_told_to_be_parallel_answer_in_a_forked_process(bundles, monkeypatch):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")  # as `limbeck` on the command line sets it
    done = python(FORKED + TEXTS, bundles("albert"))
    assert done.stdout.splitlines() == ["used 0", "child of a child 0", "loaded anew 0"], done.stderr


def test_what_needs_the_threads_of_polars_is_refused_in_one_line_where_they_are_gone(bundles, tmp_path):
    rows = write_csv(tmp_path / "rows.csv", reviews(5))
    done = python(FORKED + TABLES, tmp_path / "bundle", bundles("ngram"), rows)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1::2] == [
        f"{what} 2" for what in
        ("rows", "dicts", "loading", "estimator", "frame of texts", "file", "judgement")
    ]  # fmt: skip
    line = "refused: this process was forked after its parent had read tables"
    assert all(said.startswith(line) and "gunicorn without --preload" in said for said in lines[::2])


def test_a_process_that_has_read_no_table_yet_may_fork_and_read_them_in_its_children(bundles, tmp_path):
    rows = write_csv(tmp_path / "rows.csv", reviews(5))
    code = FORKED + "print(forked(lambda: limbeck.predict(*sys.argv[1:], quiet=True)))"
    assert python(code, bundles("ngram"), rows, tmp_path / "out.csv").stdout == "0\n"
    assert pl.read_csv(tmp_path / "out.csv").height == 5


def test_a_bundle_that_was_replaced_since_it_was_loaded_does_not_answer_for_the_old_one(own_bundle, bundles):
    code = """
with limbeck.load(sys.argv[1]) as classifier:
    os.replace(sys.argv[2], sys.argv[1] + "/model.onnx")
    print(forked(lambda: classifier.predict_proba(["好"])))
    print(classifier.predict_proba(["好"]).shape)
"""
    other = own_bundle / "other.onnx"
    other.write_bytes((bundles("gru") / "model.onnx").read_bytes())
    said = python(FORKED + code, own_bundle, other).stdout
    assert "the bundle has changed since it was loaded; load it again" in said
    assert said.endswith("2\n(1, 2)\n")
