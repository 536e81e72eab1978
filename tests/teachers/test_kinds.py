"""Every kind of teacher on the real thing: bundles, ONNX files, transformers, scikit-learn, columns of scores."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper

import limbeck
from limbeck.errors import LimbeckError
from limbeck.recipe import Task, parse_recipe
from limbeck.teachers import TEACHERS, AnswerError, answers, open_teacher
from limbeck.teachers.cache.store import Store

from .make import CLASSES, TASK, opened, spec, tiny_bert

TEXTS = ["物流很快 非常满意 强烈推荐", "质量太差 非常失望 已经退货", "昨天 朋友 买了 一箱"]
ROWS = pl.DataFrame({"text": [*TEXTS, None], "a": [1.0, -1.0, 0.0, None], "b": ["2", "-2", "", "x1"]})


def refused(words: str, source: str, **more) -> None:
    with pytest.raises(LimbeckError, match=words) as error:
        opened(source, **more)
    assert str(error.value).startswith("teacher 't':") and "\n" not in str(error.value)


def test_an_unknown_kind_and_a_missing_path():
    refused("unknown kind 'bundel'; did you mean 'bundle'", "bundel:x")
    for kind in ("bundle", "onnx", "sklearn"):
        refused("there is no 'gone.x' in", f"{kind}:gone.x", folders=[None, Path("/tmp")])
    assert set(TEACHERS) == {"bundle", "onnx", "huggingface", "sklearn", "column", "http", "rule"}


def test_teachers_that_need_no_torch_do_not_import_it():
    heavy = "{'torch', 'transformers', 'sklearn', 'scipy'}"
    code = f"import sys, limbeck.teachers; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# bundle:


def test_a_bundle_answers_like_itself_in_our_order(bundles):
    path = bundles("ngram")
    teacher = opened(f"bundle:{path.name}", folders=[None, path.parent])
    got = teacher.answer(ROWS)
    np.testing.assert_allclose(got[:3], limbeck.load(path).predict_proba(TEXTS), atol=1e-6)
    assert np.isnan(got[3]).all()
    turned = opened(f"bundle:{path}", classes=("good", "bad"))
    np.testing.assert_allclose(turned.answer(ROWS), got[:, ::-1])
    assert turned.fingerprint != teacher.fingerprint
    assert opened(f"bundle:{path}").fingerprint == teacher.fingerprint


def test_label_maps_and_subsets_of_classes(bundles):
    path = bundles("ngram")
    plain = opened(f"bundle:{path}").answer(ROWS[:3])
    wide = opened(f"bundle:{path}", classes=("poor", "so-so", "good"), labels={"bad": "poor"}).answer(ROWS[:3])
    np.testing.assert_allclose(wide, np.stack([plain[:, 0], 0 * plain[:, 0], plain[:, 1]], axis=1))
    ignored = opened(f"bundle:{path}", classes=("fine", "other"), labels={"bad": "", "good": "fine"}).answer(ROWS)
    np.testing.assert_allclose(ignored[:3], [[1, 0]] * 3)
    refused("its class 'bad' is none of ours; .*ignores it", f"bundle:{path}", classes=("x", "good"))
    refused("maps 'badd', which is no class of it; did you mean 'bad'", f"bundle:{path}", labels={"badd": "bad"})
    refused("to the unknown 'goood'; did you mean 'good'", f"bundle:{path}", labels={"bad": "goood"})
    refused("all of its classes are ignored", f"bundle:{path}", labels={"bad": "", "good": ""})
    assert (
        opened(f"bundle:{path}", labels={"bad": "good", "good": "bad"}).fingerprint
        != opened(f"bundle:{path}").fingerprint
    )


def test_mass_on_ignored_classes_alone_is_an_abstention():
    task = Task(kind="text", classes=["x", "y"])
    teacher = opened(
        "column:p,q,r", classes=("x", "y"), task=task, labels={"z": ""}, options={"classes": ["x", "y", "z"]}
    )
    rows = pl.DataFrame({"p": [0.2, 0.0, None], "q": [0.3, 0.0005, None], "r": [0.5, 0.9995, None]})
    np.testing.assert_allclose(teacher.answer(rows), [[0.4, 0.6], [np.nan] * 2, [np.nan] * 2], rtol=1e-6)


def test_a_column_that_a_bundle_needs(bundles):
    path = bundles("ngram")
    with pytest.raises(AnswerError, match="reads the column 'text', which the rows lack; did you mean 'text2'"):
        opened(f"bundle:{path}").answer(ROWS.rename({"text": "text2"}))
    got = opened(f"bundle:{path}", input="text2").answer(ROWS.rename({"text": "text2"}))
    np.testing.assert_allclose(got, opened(f"bundle:{path}").answer(ROWS))
    refused("reads one column of text", f"bundle:{path}", input=["a", "b"])
    refused("unknown option 'thread'", f"bundle:{path}", options={"thread": 1})


def test_a_retrained_bundle_is_another_teacher(own_bundle, bundles):
    before = opened(f"bundle:{own_bundle}").fingerprint
    shutil.rmtree(own_bundle)
    shutil.copytree(bundles("gru"), own_bundle)
    assert opened(f"bundle:{own_bundle}").fingerprint != before
    (own_bundle / "model.onnx").write_bytes(b"x")
    with pytest.raises(LimbeckError, match="damaged"):
        opened(f"bundle:{own_bundle}")


def test_a_blank_text_is_an_abstention(bundles):
    got = opened(f"bundle:{bundles('ngram')}").answer(pl.DataFrame({"text": ["", " ", None, TEXTS[0]]}))
    assert np.isnan(got).all(axis=1).tolist() == [True, True, True, False]


def test_two_bundles_through_the_cache(bundles, tmp_path):
    teachers = [opened(f"bundle:{bundles(name)}", name=name) for name in ("ngram", "gru")]
    got = answers(teachers, ROWS, folder=tmp_path, quiet=True)
    assert got.shape == (2, 4, 2) and np.isnan(got[:, 3]).all()
    np.testing.assert_allclose(got[1], teachers[1].answer(ROWS), atol=1e-3)


@pytest.fixture(scope="module")
def table_bundle(tmp_path_factory) -> Path:
    """A bundle of tables: good where a + b is above 0."""
    folder = tmp_path_factory.mktemp("table")
    X = np.random.default_rng(0).normal(size=(400, 2))
    parts = np.where(np.arange(400) % 5 < 3, "train", np.where(np.arange(400) % 5 == 3, "valid", "test"))
    label = np.where(X.sum(axis=1) > 0, "good", "bad")
    pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "label": label, "split": parts}).write_csv(folder / "rows.csv")
    raw = {
        "task": {"kind": "table", "input": ["a", "b"], "classes": list(CLASSES)},
        "data": {"train": "rows.csv", "split": "split"},
        "student": {"network": "mlp"},
        "training": {"epochs": 5, "learning_rate": 0.01, "threads": 1, "batch_size": 32, "device": "cpu"},
        "evaluation": {"bootstrap": 0, "baseline": False},
        "export": {"int8": "never"},
    }
    return limbeck.train(parse_recipe(raw), data=folder, out=folder / "bundle").bundle


def test_a_bundle_of_tables_may_lack_columns_but_none_that_are_named(table_bundle, tmp_path):
    teacher = opened(f"bundle:{table_bundle}")
    assert teacher.columns == ("a", "b")
    rows = pl.DataFrame({"a": [0.5, 1.0], "b": [-1.5, 1.0], "c": ["x", "y"]})
    got = answers([teacher], rows, folder=tmp_path, quiet=True)[0]
    assert got[0, 0] > 0.7 and got[1, 1] > 0.7
    fewer = answers([teacher], rows.drop("b"), folder=tmp_path, quiet=True)[0]
    np.testing.assert_allclose(fewer, teacher.answer(rows.drop("b")), atol=1e-3)
    assert len(Store(tmp_path, teacher.fingerprint, 2)) == 4  # other rows to it, never a hit of the whole ones
    with pytest.raises(LimbeckError, match="reads the column 'a', which the rows lack"):
        answers([teacher], rows.drop("a", "b"), folder=tmp_path, quiet=True)
    with pytest.raises(LimbeckError, match="reads the column 'b', which the rows lack; did you mean 'b1'"):
        answers(
            [opened(f"bundle:{table_bundle}", input=["a", "b"])], rows.rename({"b": "b1"}), folder=tmp_path, quiet=True
        )


# column:


def test_columns_of_scores():
    rows = pl.DataFrame({"p": ["0.25", " 1 ", ""], "q": [0.75, 0.0, None], "l": [0.0, 100.0, None]})
    one = [[0.75, 0.25], [0, 1], [np.nan] * 2]
    np.testing.assert_allclose(opened("column:p").answer(rows), one)
    np.testing.assert_allclose(opened("column:q, p").answer(rows), one)
    np.testing.assert_allclose(opened("column:p,q").answer(rows), np.array(one)[:, ::-1])
    bad_first = Task(kind="text", classes=list(CLASSES), positive="bad")
    np.testing.assert_allclose(opened("column:p", task=bad_first).answer(rows), np.array(one)[:, ::-1])
    own = opened("column:p", labels={"no": "bad", "yes": "good"}, options={"classes": ["no", "yes"]})
    np.testing.assert_allclose(own.answer(rows), one)
    np.testing.assert_allclose(opened("column:l", options={"gives": "logits"}).answer(rows)[:2], [[0.5, 0.5], [0, 1]])


@pytest.mark.parametrize(
    ("columns", "cells", "words"),
    [
        ("p", {"p": [0.5, 1.5]}, "row 2: its answer holds a negative probability"),
        ("p", {"p": ["0.5", "high"]}, "row 2: 'high' in the column 'p' is no number"),
        ("p,q", {"p": [0.5, 0.5], "q": [0.5, 0.9]}, "row 2: its answer does not sum to one"),
        ("p,q", {"p": [0.5, None], "q": [0.5, 0.9]}, "row 2: its answer is NaN for some classes only"),
        ("p", {"q": [0.5]}, "reads the column 'p', which the rows lack"),
    ],
)
def test_scores_that_are_none(columns, cells, words):
    with pytest.raises(AnswerError, match=f"teacher 't'.*{words}"):
        opened(f"column:{columns}").answer(pl.DataFrame(cells))


def test_cells_that_hold_lists_are_one_line():
    rows = pl.DataFrame({"l": [[1], [2]]})
    with pytest.raises(AnswerError, match="the column 'l' holds List"):
        opened("column:l").answer(rows)
    with pytest.raises(AnswerError, match="its rules do not fit the columns: cannot cast List"):
        opened("rule:l == 1 -> good").answer(rows)


def test_a_folder_where_a_file_is_wanted(tmp_path):
    for kind in ("onnx", "sklearn"):
        refused("is a folder, a file is wanted", f"{kind}:{tmp_path}")


def test_columns_that_do_not_fit_the_classes():
    refused(r"1 column\(s\) of scores for the 3 classes", "column:p", classes=("a", "b", "c"))
    refused(r"3 column\(s\) of scores for the 2 classes", "column:p,q,r")
    refused("the option gives is 'logit'; did you mean 'logits'", "column:p", options={"gives": "logit"})
    refused("the option classes is 'ab', where a list is wanted", "column:p", options={"classes": "ab"})


# onnx:


def onnx_file(path: Path, *, output: str = "scores", width: int = 2, softmax: bool = False) -> Path:
    """A linear model of two numbers: good scores a + b, bad the opposite."""
    weight = numpy_helper.from_array(np.array([[-1, 1]] * width, dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m" if softmax else output])]
    nodes += [helper.make_node("Softmax", ["m"], [output], axis=1)] if softmax else []
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])
    y = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 2])
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], [weight]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    onnx.save(model, path)
    return path


def string_onnx(path: Path) -> Path:
    """Says good where the text is "yes"."""
    yes = helper.make_tensor("yes", TensorProto.STRING, [1], [b"yes"])
    keys = {"keys_strings": ["yes"], "values_floats": [1.0], "default_float": 0.0}
    nodes = [helper.make_node("LabelEncoder", ["x"], ["p"], domain="ai.onnx.ml", **keys)]
    x = helper.make_tensor_value_info("x", TensorProto.STRING, ["n", 1])
    y = helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "g", [x], [y], [yes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def test_an_onnx_file_of_named_numbers(tmp_path):
    file = onnx_file(tmp_path / "m.onnx")
    rows = pl.DataFrame({"b": ["1", "0"], "a": [1.0, -3.0]})
    expected = 1 / (1 + np.exp(-2 * np.array([2, -3])))
    logits = opened(f"onnx:{file}", input=["a", "b"], options={"gives": "logits"})
    np.testing.assert_allclose(logits.answer(rows)[:, 1], expected, rtol=1e-5)
    soft = opened(f"onnx:{onnx_file(tmp_path / 's.onnx', softmax=True)}", options={"inputs": {"x": ["a", "b"]}})
    np.testing.assert_allclose(soft.answer(rows)[:, 1], expected, rtol=1e-5)
    assert soft.columns == ("a", "b")
    with pytest.raises(AnswerError, match="row 1: its answer holds a negative probability"):
        opened(f"onnx:{file}", input=["a", "b"]).answer(rows)
    with pytest.raises(AnswerError, match="row 1: 'x' in the column 'b' is no number"):
        logits.answer(rows.with_columns(pl.lit("x").alias("b")))


@pytest.mark.parametrize(("axes", "said"), [(None, "it answered 0 of 3 rows"), ([0], "it answered 2 of 3 rows")])
def test_a_model_that_sums_over_its_rows_answers_none(tmp_path, axes, said):
    given = [] if axes is None else [numpy_helper.from_array(np.array(axes), "axes")]
    node = helper.make_node("ReduceSum", ["x", *(["axes"] if axes else [])], ["scores"], keepdims=0)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "scores")]
    ends[0] = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "sum.onnx").write_bytes(model.SerializeToString())
    teacher = opened("onnx:sum.onnx", input=["a", "b"], folders=[tmp_path])
    with pytest.raises(LimbeckError, match=said):
        teacher.answer(pl.DataFrame({"a": [0.1, 0.2, 0.3], "b": [0.9, 0.8, 0.7]}))


def test_an_onnx_file_of_texts(tmp_path):
    teacher = opened(f"onnx:{string_onnx(tmp_path / 'm.onnx')}")
    got = teacher.answer(pl.DataFrame({"text": ["yes", "no", None]}))
    np.testing.assert_allclose(got, [[0, 1], [1, 0], [np.nan] * 2])


def test_what_an_onnx_file_does_not_fit(tmp_path):
    file = onnx_file(tmp_path / "m.onnx")
    refused("takes 2 numbers a row; its input names 1", f"onnx:{file}", input=["a"])
    refused("no input 'y'", f"onnx:{file}", options={"inputs": {"y": "a"}})
    refused("no output 'score'; did you mean 'scores'", f"onnx:{file}", input=["a", "b"], options={"output": "score"})
    refused("its class 'no' is none of ours", f"onnx:{file}", input=["a", "b"], options={"classes": ["no", "good"]})
    model = onnx.load(file)
    model.graph.node[0].domain = "evil.ops"
    onnx.save(model, file)
    with pytest.raises(LimbeckError, match="custom operators"):
        opened(f"onnx:{file}", input=["a", "b"])
    file.write_bytes(b"no model")
    with pytest.raises(LimbeckError, match=r"not a valid ONNX model|cannot open"):
        opened(f"onnx:{file}", input=["a", "b"])


def classifier_onnx(path: Path, *, rows: int | None = None, maps: bool = False, names: tuple[str, ...] = ()) -> Path:
    """Write what converters of scikit-learn write: labels, and scores as a tensor or as maps by class."""
    keys = {"classlabels_strings": list(names)} if names else {"classlabels_ints": [0, 1]}
    pairs = {"classlabels_strings": list(names)} if names else {"classlabels_int64s": [0, 1]}
    domain, weights = "ai.onnx.ml", [-1.0, 1.0, 1.0, -1.0]
    nodes = [
        helper.make_node(
            "LinearClassifier", ["x"], ["label", "raw"], domain=domain, coefficients=weights, intercepts=[0.0, 0.0],
            multi_class=1, post_transform="SOFTMAX", **keys,
        )
    ]  # fmt: skip
    kind = TensorProto.STRING if names else TensorProto.INT64
    outputs = [helper.make_tensor_value_info("label", kind, [rows])]
    if maps:
        nodes.append(helper.make_node("ZipMap", ["raw"], ["p"], domain=domain, **pairs))
        one = helper.make_map_type_proto(kind, helper.make_tensor_type_proto(TensorProto.FLOAT, None))
        outputs.append(helper.make_value_info("p", helper.make_sequence_type_proto(one)))
    else:
        nodes.append(helper.make_node("Identity", ["raw"], ["p"]))
        outputs.append(helper.make_tensor_value_info("p", TensorProto.FLOAT, [rows, 2]))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 2])], outputs)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 3)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    return path


NUMBERS = pl.DataFrame({"a": [1.0, -1.0, 0.5, 2.0, 0.0], "b": [0.0, 0.5, 0.5, -1.0, 3.0]})
GOOD = 1 / (1 + np.exp(-2 * (NUMBERS["a"] - NUMBERS["b"]).to_numpy()))  # what `classifier_onnx` says of them


@pytest.mark.parametrize(
    ("names", "options", "good"),
    [
        ((), {}, 1),  # positions, as in a tensor
        ((), {"output": "p"}, 1),
        ((), {"classes": ["good", "bad"]}, 0),  # other names, in the order of the maps
        (("bad", "good"), {}, 1),
        (("bad", "good"), {"classes": ["good", "bad"]}, 1),  # its own names keep their places
    ],
)
def test_maps_of_class_to_probability_are_read(tmp_path, names, options, good):
    file = classifier_onnx(tmp_path / "m.onnx", maps=True, names=names)
    got = opened(f"onnx:{file}", input=["a", "b"], options=options).answer(NUMBERS)
    np.testing.assert_allclose(got[:, good], GOOD, atol=1e-6)


def test_maps_name_their_classes_and_other_outputs_are_refused(tmp_path):
    file = classifier_onnx(tmp_path / "m.onnx", maps=True, names=("no", "yes"))
    refused("its class 'no' is none of ours", f"onnx:{file}", input=["a", "b"])
    got = opened(f"onnx:{file}", input=["a", "b"], labels={"no": "good", "yes": "bad"}).answer(NUMBERS)
    np.testing.assert_allclose(got[:, 0], GOOD, atol=1e-6)
    words = "output 'label' is a tensor\\(string\\), which holds no scores; name another in options.output: p"
    refused(words, f"onnx:{file}", input=["a", "b"], options={"output": "label"})
    refused("tells 2 classes apart: no, yes; options.classes names 3", f"onnx:{file}", input=["a", "b"],
            options={"classes": ["a", "b", "c"]})  # fmt: skip


@pytest.mark.parametrize("rows", [1, 2, 32])
@pytest.mark.parametrize("maps", [False, True])
def test_a_model_of_a_fixed_number_of_rows_is_asked_in_blocks_of_it(tmp_path, rows, maps):
    file = classifier_onnx(tmp_path / "m.onnx", rows=rows, maps=maps)
    got = opened(f"onnx:{file}", input=["a", "b"]).answer(NUMBERS)
    np.testing.assert_allclose(got[:, 1], GOOD, atol=1e-6)


@pytest.mark.parametrize(("kind", "last"), [(TensorProto.INT64, 2**24 + 1), (TensorProto.DOUBLE, 0.1)])
def test_numbers_reach_a_model_with_all_their_digits(tmp_path, kind, last):
    """The model says whether a number equals one that single precision does not hold."""
    nodes = [
        helper.make_node("Equal", ["x", "c"], ["e"]),
        helper.make_node("Cast", ["e"], ["p"], to=TensorProto.FLOAT),
    ]
    one = helper.make_tensor("c", kind, [1], [last])
    ends = (helper.make_tensor_value_info(n, k, ["n", 1]) for n, k in (("x", kind), ("p", TensorProto.FLOAT)))
    graph = helper.make_graph(nodes, "g", [next(ends)], [next(ends)], [one])
    file = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    got = opened(f"onnx:{file}", input=["x"]).answer(pl.DataFrame({"x": [last, last + 1]}))
    np.testing.assert_array_equal(got[:, 1], [1, 0])


def test_how_many_rows_are_asked_at_once_is_heard(tmp_path, fitted):
    for source in (f"onnx:{classifier_onnx(tmp_path / 'm.onnx')}", f"sklearn:{fitted / 'numbers.skops'}"):
        assert opened(source, input=["a", "b"]).block == 4096
        assert opened(source, input=["a", "b"], batch_size=2).block == 2


# sklearn:


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A text pipeline, a linear model of numbers, a margin classifier, and trees, in skops form."""
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    folder = tmp_path_factory.mktemp("sklearn")
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 2))
    y = np.where(X.sum(axis=1) > 0, "good", "bad")
    text = make_pipeline(TfidfVectorizer(analyzer="char"), LogisticRegression(C=100))
    skops.io.dump(text.fit(TEXTS[:2] * 5, ["good", "bad"] * 5), folder / "text.skops")
    skops.io.dump(LogisticRegression().fit(X, y), folder / "numbers.skops")
    skops.io.dump(LinearSVC().fit(X, y), folder / "margin.skops")
    frame = pl.DataFrame(X, schema=["a", "b"])
    skops.io.dump(HistGradientBoostingClassifier(max_iter=20).fit(frame, y), folder / "trees.skops")
    return folder


def test_scikit_learn_models(fitted):
    got = opened("sklearn:text.skops", folders=[fitted]).answer(ROWS)
    assert got[0, 1] > 0.7 and got[1, 0] > 0.7 and np.isnan(got[3]).all()
    rows = ROWS[:2]
    for name in ("numbers", "margin"):
        got = opened(f"sklearn:{name}.skops", folders=[fitted], input=["a", "b"]).answer(rows)
        assert got[0, 1] > 0.9 and got[1, 0] > 0.9
    with pytest.raises(AnswerError, match=r"scikit-learn: .*NaN"):
        opened("sklearn:numbers.skops", folders=[fitted], input=["a", "b"]).answer(ROWS[:3])
    refused("reads 2 numbers, but its input names", f"sklearn:{fitted / 'numbers.skops'}")


def test_trees_are_opened_only_when_their_types_are_named(fitted):
    source = f"sklearn:{fitted / 'trees.skops'}"
    predictor = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
    refused(f"not safe by themselves: {predictor}; if you made the file yourself, add options.trust", source)
    teacher = opened(source, options={"trust": [predictor]})
    assert teacher.columns == ("a", "b")
    got = teacher.answer(ROWS[:3])
    assert got[0, 1] > 0.9 and got[1, 0] > 0.9 and not np.isnan(got[2]).any()


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/limbeck-was-here",)


def test_steps_that_hold_a_dtype_are_opened_and_no_other_type_is(tmp_path):
    """A SimpleImputer holds a numpy.dtype; one that a file gives a state of its own is not read."""
    import skops.io
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer

    random = np.random.default_rng(0)
    X = random.normal(size=(40, 2))
    y = np.where(X[:, 0] > 0, "good", "bad")
    for step in (SimpleImputer(), KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")):
        model = make_pipeline(step, LogisticRegression()).fit(X, y)
        skops.io.dump(model, tmp_path / "m.skops")
        rows = pl.DataFrame(X, schema=["a", "b"])
        for options in ({}, {"trust": ["numpy.dtype"]}):
            got = opened(f"sklearn:{tmp_path / 'm.skops'}", input=["a", "b"], options=options).answer(rows)
            np.testing.assert_allclose(got, model.predict_proba(X), atol=1e-6)
    with zipfile.ZipFile(tmp_path / "m.skops") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["schema.json"] = members["schema.json"].replace(b'"DTypeNode"', b'"ObjectNode"')
    with zipfile.ZipFile(tmp_path / "bad.skops", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    for options in ({}, {"trust": ["numpy.dtype"]}):
        refused("not safe by themselves: numpy.dtype; do not", f"sklearn:{tmp_path / 'bad.skops'}", options=options)


def test_hostile_files_are_refused(tmp_path, fitted):
    import skops.io

    mark = Path("/tmp/limbeck-was-here")
    (tmp_path / "p.skops").write_bytes(pickle.dumps(Evil()))
    refused("cannot be read: .*pickles are never opened", f"sklearn:{tmp_path / 'p.skops'}")
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(Evil()))
    refused("no skops file, and pickles are never opened", f"sklearn:{tmp_path / 'p.pkl'}")
    skops.io.dump({"model": os.system}, tmp_path / "f.skops")
    refused("types that are not safe by themselves: posix.system; do not use", f"sklearn:{tmp_path / 'f.skops'}")
    refused("not scikit-learn's own", f"sklearn:{tmp_path / 'f.skops'}", options={"trust": ["posix.system"]})
    skops.io.dump([1, 2], tmp_path / "l.skops")
    refused("a list is no fitted classifier", f"sklearn:{tmp_path / 'l.skops'}")
    with zipfile.ZipFile(tmp_path / "z.skops", "w") as archive:
        archive.writestr("schema.json", '{"__module__": "os", "__class__": "system", "__loader__": "TypeNode"}')
    refused("z.skops", f"sklearn:{tmp_path / 'z.skops'}")
    half = (fitted / "text.skops").read_bytes()
    (tmp_path / "h.skops").write_bytes(half[: len(half) // 2])
    refused("cannot be read", f"sklearn:{tmp_path / 'h.skops'}")
    assert not mark.exists()


# huggingface:


@pytest.fixture(scope="module")
def transformer(tmp_path_factory) -> Path:
    """A tiny BERT classifier with its tokenizer, never trained."""
    return tiny_bert(tmp_path_factory.mktemp("hf"), TEXTS)


def test_a_transformer_answers_like_itself(transformer):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    labels = {"NEG": "bad", "POS": "good"}
    rows = pl.DataFrame({"text": [*TEXTS, None, TEXTS[0] * 9, "x"]})
    teacher = opened(f"huggingface:{transformer.name}", folders=[transformer.parent], labels=labels, batch_size=2)
    got = teacher.answer(rows)
    tokenizer = AutoTokenizer.from_pretrained(transformer)
    model = AutoModelForSequenceClassification.from_pretrained(transformer).eval()
    for text, answer in zip(rows["text"], got, strict=True):
        if text is None:
            assert np.isnan(answer).all()
            continue
        with torch.inference_mode():
            logits = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=24)).logits
        np.testing.assert_allclose(answer, logits.softmax(-1)[0].numpy(), atol=1e-5)
    assert teacher.answer(rows[3:4]).shape == (1, 2)
    refused("its class 'NEG' is none of ours", f"huggingface:{transformer}")


def test_what_is_no_transformer_of_classes(transformer, tmp_path):
    labels = {"NEG": "bad", "POS": "good"}
    refused("there is no './gone' in", "huggingface:./gone")
    refused("'no-such/model-here' is no folder, and the hub", "huggingface:no-such/model-here")
    (tmp_path / "empty").mkdir()
    refused("cannot be loaded from", f"huggingface:{tmp_path / 'empty'}")
    bare = Path(shutil.copytree(transformer, tmp_path / "bare"))
    from safetensors.numpy import load_file, save_file

    weights = {name: value for name, value in load_file(bare / "model.safetensors").items() if "classifier" not in name}
    save_file(weights, bare / "model.safetensors", metadata={"format": "pt"})
    refused("lacks weights of the classifier: classifier", f"huggingface:{bare}", labels=labels)
    (bare / "model.safetensors").unlink()
    (bare / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    refused("cannot be loaded", f"huggingface:{bare}", labels=labels)
    assert not Path("/tmp/limbeck-was-here").exists()
    assert open_teacher(spec(f"huggingface:{transformer}", labels=labels), CLASSES, task=TASK).block > 1


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (0, "there is no tokenizer in it: the one that transformers makes up knows no word"),
        (3, "the tokenizer has only 7 tokens, the model"),
        (None, "the tokenizer has 10[0-9] tokens, the model only"),
    ],
)
def test_a_tokenizer_that_is_not_the_models_own_is_refused(transformer, tmp_path, left, said):
    """With ``left`` of its words, or a hundred when None."""
    folder = Path(shutil.copytree(transformer, tmp_path / "b"))
    file = folder / "tokenizer.json"
    stored = json.loads(file.read_text("utf-8"))
    vocabulary = list(stored["model"]["vocab"])
    special, words = vocabulary[:4], vocabulary[4:]
    kept = [f"w{number}" for number in range(100)] if left is None else words[:left]
    stored["model"]["vocab"] = {word: at for at, word in enumerate([*special, *kept])}
    file.write_text(json.dumps(stored), encoding="utf-8")
    refused(said, f"huggingface:{folder}", labels={"NEG": "bad", "POS": "good"})


def test_a_folder_without_the_files_of_its_tokenizer_is_refused(transformer, tmp_path):
    folder = Path(shutil.copytree(transformer, tmp_path / "b"))
    for file in folder.glob("tokenizer*"):
        file.unlink()
    refused(
        "there is no tokenizer in it|cannot be loaded", f"huggingface:{folder}", labels={"NEG": "bad", "POS": "good"}
    )


def test_a_tokenizer_that_knows_no_word_of_many_texts_is_refused_but_of_one_odd_text_is_not(transformer):
    teacher = opened(f"huggingface:{transformer}", labels={"NEG": "bad", "POS": "good"})
    odd = [chr(0x9F00 + number) for number in range(9)]
    assert teacher.answer(pl.DataFrame({"text": odd[:1]})).shape == (1, 2)
    with pytest.raises(LimbeckError, match="its tokenizer knows no word of 9 texts"):
        teacher.answer(pl.DataFrame({"text": odd}))


def test_opening_and_asking_a_transformer_writes_nothing_to_the_terminal(transformer, capfd):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    opened(f"huggingface:{transformer}", labels={"NEG": "bad", "POS": "good"}).answer(pl.DataFrame({"text": TEXTS}))
    assert "".join(capfd.readouterr()) == ""
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
