"""`DistilledClassifier` keeps scikit-learn's contract and learns from the classifiers that it is given."""

import pickle
import warnings

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import limbeck
from limbeck.errors import LimbeckError
from limbeck.estimator import DistilledClassifier
from limbeck.recipe import load_recipe
from small import python, reviews

FEATURES = 8
NAMES = np.array(["bird", "cat", "dog"])  # sorted, as classes_ is


@parametrize_with_checks([DistilledClassifier()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def scenario(number, count=300, classes=2):
    """Rows of one of many related scenarios: the class moves the features, in each scenario a little otherwise."""
    random = np.random.default_rng(number)
    centres = np.random.default_rng(1000).normal(size=(classes, FEATURES))
    centres = centres + 0.7 * random.normal(size=centres.shape)
    labels = random.integers(0, classes, count)
    return 1.3 * random.normal(size=(count, FEATURES)) + centres[labels], labels


def teachers(count, classes=2, names=None):
    """Classifiers of other scenarios than 0."""
    out = []
    for number in range(1, count + 1):
        X, y = scenario(number, classes=classes)
        model = LogisticRegression() if number % 2 else make_pipeline(StandardScaler(), LinearSVC())
        out.append((f"scenario {number}", model.fit(X, y if names is None else names[y])))
    return out


X, Y = scenario(0, 500)


@pytest.mark.parametrize("count", [2, 5])
def test_a_cold_start_learns_what_its_teachers_know_together(count):
    several = teachers(count)
    student = DistilledClassifier(several, random_state=0).fit(X[:400])
    alone = [teacher.score(X[400:], Y[400:]) for _, teacher in several]
    assert student.score(X[400:], Y[400:]) > max(0.7, np.mean(alone) - 0.02)
    assert student.relevance_.shape == (count,)
    assert [teacher["name"] for teacher in student.trust_["teachers"]] == [name for name, _ in several]
    assert student.relevance_.tolist() == [teacher["relevance"] for teacher in student.trust_["teachers"]]


def test_a_teacher_that_says_nothing_is_trusted_least():
    random = np.random.default_rng(0)
    guessing = LogisticRegression().fit(random.normal(size=(80, FEATURES)), random.integers(0, 2, 80))
    student = DistilledClassifier([*teachers(6), guessing], random_state=0).fit(X)
    assert student.relevance_.argmin() == 6
    assert student.trust_["teachers"][6]["name"] == "LogisticRegression-7"


def test_columns_of_probabilities_are_in_the_order_of_the_classes():
    target, truth = scenario(0, 500, classes=3)
    student = DistilledClassifier(teachers(3, 3, NAMES), random_state=0).fit(target)
    assert student.classes_.tolist() == NAMES.tolist()
    p = student.predict_proba(target)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    for at, name in enumerate(NAMES):
        assert p[truth == at, at].mean() > p[truth != at, at].mean() + 0.2, name
    assert student.score(target, NAMES[truth]) > 0.5


def test_the_classes_are_those_of_all_teachers_and_of_the_labels():
    target, truth = scenario(0, 300, classes=3)
    models = [LogisticRegression(), RandomForestClassifier(20, random_state=0)]
    few = [model.fit(target[truth != left], NAMES[truth[truth != left]]) for left, model in enumerate(models)]
    assert [len(model.classes_) for model in few] == [2, 2]
    student = DistilledClassifier(few, random_state=0).fit(target)
    assert student.classes_.tolist() == NAMES.tolist()
    taught = DistilledClassifier(few[:1], random_state=0).fit(target[truth == 0], NAMES[truth[truth == 0]])
    assert taught.classes_.tolist() == NAMES.tolist()


def test_whole_floats_and_integers_are_the_same_classes():
    floats = LogisticRegression().fit(X, Y.astype(float))
    student = DistilledClassifier([floats, LogisticRegression().fit(X, Y)], random_state=0).fit(X)
    assert student.score(X, Y) > 0.8


def test_labels_and_teachers_together_are_better_than_few_labels_alone():
    rows = np.arange(60)
    alone = DistilledClassifier(random_state=0).fit(X[rows], Y[rows])
    marked = np.full(400, -1)
    marked[rows] = Y[rows]
    both = DistilledClassifier(teachers(5), unlabelled=-1, random_state=0).fit(X[:400], marked)
    assert both.classes_.tolist() == [0, 1]
    assert both.score(X[400:], Y[400:]) >= alone.score(X[400:], Y[400:])
    assert both._recipe.objective.losses == {"hard": 0.5, "distil": 0.5}


def test_without_a_marker_every_value_is_a_class():
    student = DistilledClassifier(random_state=0).fit(X, np.where(Y == 1, 1, -1))
    assert student.classes_.tolist() == [-1, 1]
    assert student.score(X, np.where(Y == 1, 1, -1)) > 0.8


def test_rows_marked_as_unlabelled_do_not_count_without_teachers():
    marked = np.where(np.arange(len(Y)) < 200, Y.astype(str), "?")
    student = DistilledClassifier(unlabelled="?", random_state=0).fit(X, marked)
    assert student.classes_.tolist() == ["0", "1"]
    known = DistilledClassifier(random_state=0).fit(X[:200], Y[:200].astype(str))
    np.testing.assert_array_equal(student.predict_proba(X), known.predict_proba(X))


def test_a_few_rows_are_not_surer_than_what_they_taught():
    tiny = DistilledClassifier(random_state=0).fit(X[:20], Y[:20])
    assert tiny.student_.temperature == 1.0
    assert DistilledClassifier(random_state=0).fit(X, Y).student_.temperature != 1.0


def test_a_row_gets_the_same_answer_alone_as_among_others():
    student = DistilledClassifier(epochs=2, random_state=0).fit(X, Y)
    alone = np.concatenate([student.predict_proba(X[[at]]) for at in range(len(X))])
    np.testing.assert_allclose(alone, student.predict_proba(X), rtol=1e-12)


def test_clones_keep_their_teachers_fitted():
    student = DistilledClassifier(teachers(2), epochs=7)
    copy = clone(student)
    assert copy is not student
    assert copy.epochs == 7
    assert copy.teachers is student.teachers
    assert copy.fit(X).n_iter_ <= 7


def test_the_same_seed_gives_the_same_student_and_another_one_another():
    def answers(seed):
        return DistilledClassifier(teachers(2), epochs=4, random_state=seed).fit(X).predict_proba(X)

    np.testing.assert_array_equal(answers(0), answers(0))
    np.testing.assert_array_equal(answers(np.random.RandomState(3)), answers(np.random.RandomState(3)))
    assert not np.array_equal(answers(0), answers(1))


def test_fitting_is_quiet_and_leaves_torchs_random_state_and_threads_alone(capfd):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            DistilledClassifier(teachers(2), epochs=2, random_state=0).fit(X)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.rand(3), expected)
    assert capfd.readouterr() == ("", "")
    DistilledClassifier(epochs=2, verbose=True).fit(X, Y)
    assert "epoch   2/2" in capfd.readouterr().err


def test_in_pipelines_searches_and_cross_validation():
    student = DistilledClassifier(teachers(2), epochs=5, random_state=0)
    assert cross_val_score(student, X, Y, cv=3).min() > 0.6
    search = GridSearchCV(student, {"learning_rate": np.array([1e-5, 0.01]), "epochs": np.array([5])}, cv=2)
    assert search.fit(X, Y).best_params_["learning_rate"] == 0.01
    assert len(search.best_estimator_.relevance_) == 2
    whole = make_pipeline(StandardScaler(), DistilledClassifier(random_state=0)).fit(X, Y)
    assert whole.score(X, Y) > 0.8
    again = DistilledClassifier([whole, SVC().fit(X, Y)], random_state=0).fit(X)
    assert again.score(X, Y) > 0.8


def test_a_frame_may_hold_categories_and_gaps_and_teachers_read_their_own_columns():
    random = np.random.default_rng(0)
    label = np.array(["no", "yes"])[Y]
    kind = np.where(random.random(len(Y)) < 0.8, np.array(["left", "right"])[Y], "none").tolist()
    kind[::7] = [None] * len(kind[::7])
    frame = pl.DataFrame({"size": np.where(random.random(len(Y)) < 0.1, np.nan, X[:, 0]), "kind": kind, "odd": X[:, 1]})
    alone = DistilledClassifier(random_state=0).fit(frame, label)
    assert alone.feature_names_in_.tolist() == ["size", "kind", "odd"]
    assert [column.kind for column in alone.student_.encoder.columns] == ["number", "category", "number"]
    assert alone.score(frame, label) > 0.8
    hot = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["kind"]))
    known = [
        make_pipeline(hot, LogisticRegression()).fit(frame[:200], label[:200]),
        LogisticRegression().fit(frame[200:].select("odd"), label[200:]),
    ]
    student = DistilledClassifier(known, random_state=0).fit(frame)
    assert student.score(frame, label) > 0.75
    with pytest.raises(LimbeckError, match="reads the column 'odd', which X lacks"):
        DistilledClassifier(known).fit(frame.select("size", "kind"))
    with pytest.raises(ValueError, match="feature names should match"):
        student.predict(frame.select("kind", "size", "odd"))


def test_a_teacher_of_some_columns_finds_them_by_name_in_a_frame_of_numbers():
    frame = pl.DataFrame(X, schema=[f"f{at}" for at in range(FEATURES)])
    some = [LogisticRegression().fit(frame.select("f5", "f2"), Y), LogisticRegression().fit(X, Y)]
    student = DistilledClassifier(some, method="uniform", random_state=0).fit(frame)
    joined = some[0].predict_proba(frame.select("f5", "f2")) + some[1].predict_proba(X)
    assert (student.predict(frame) == joined.argmax(axis=1)).mean() > 0.9


def test_pandas_and_polars_frames_are_the_same():
    pandas = pytest.importorskip("pandas")
    kind = [None if at % 5 == 0 else "ab"[label] for at, label in enumerate(Y)]
    data = {"size": np.where(np.arange(len(Y)) % 4, X[:, 0], np.nan), "kind": kind, "flag": X[:, 1] > 0}
    theirs, ours = pandas.DataFrame(data), pl.DataFrame(data)
    student = DistilledClassifier(epochs=3, random_state=0)
    np.testing.assert_array_equal(*(student.fit(frame, Y).predict_proba(frame) for frame in (theirs, ours)))


ROWS = reviews(300)
TEXTS, SAID = [row["text"] for row in ROWS], np.array([row["label"] for row in ROWS])


def test_texts_are_read_by_student_and_teachers_alike(tmp_path):
    def teacher(part):
        model = make_pipeline(TfidfVectorizer(analyzer="char"), LogisticRegression(C=10))
        return model.fit(TEXTS[part], SAID[part])

    known = [teacher(slice(0, 100)), teacher(slice(100, 200))]
    student = DistilledClassifier(known, kind="text", settings={"input.buckets": 4096}, random_state=0).fit(TEXTS[:250])
    assert student.score(TEXTS[250:], SAID[250:]) > 0.8
    with limbeck.load(student.save(tmp_path / "bundle")) as bundle:
        np.testing.assert_allclose(bundle.predict_proba(TEXTS), student.predict_proba(TEXTS), atol=1e-5)
        assert bundle.predict(TEXTS) == student.predict(TEXTS).tolist()
    for wrong in ("one text", [1, 2]):
        with pytest.raises(LimbeckError, match="text"):
            student.predict(wrong)


@pytest.mark.parametrize("rows", [500, 30])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_saved_bundle_answers_as_the_estimator(rows, labelled, tmp_path):
    names = np.array(["bad", "good"])
    known = teachers(2, names=names)
    student = DistilledClassifier(known, random_state=0).fit(X[:rows], names[Y[:rows]] if labelled else None)
    folder = student.save(tmp_path / "bundle")
    frame = pl.DataFrame(X, schema=[f"x{at}" for at in range(FEATURES)])
    with limbeck.load(folder) as bundle:
        assert bundle.classes == ("bad", "good")
        np.testing.assert_allclose(bundle.predict_proba(frame), student.predict_proba(X), atol=1e-5)
        assert bundle.predict(frame) == student.predict(X).tolist()
    assert (folder / "trust.json").exists()
    assert [entry.name for entry in load_recipe(folder / "recipe.toml").teachers] == ["scenario 1", "scenario 2"]
    assert ("no figure is of new rows" in (folder / "report.html").read_text("utf-8")) == (rows == 30)


def test_a_foreign_folder_is_not_replaced(tmp_path):
    (tmp_path / "letter.txt").write_text("dear", "utf-8")
    with pytest.raises(LimbeckError, match="is no bundle"):
        DistilledClassifier(epochs=1).fit(X, Y).save(tmp_path)
    assert (tmp_path / "letter.txt").read_text("utf-8") == "dear"


def test_a_pickle_answers_the_same_and_holds_no_training_row(tmp_path):
    texts = [f"{text} 机密{at}" for at, text in enumerate(TEXTS)]
    student = DistilledClassifier(kind="text", settings={"input.buckets": 4096}, epochs=3).fit(texts, SAID)
    stored = pickle.dumps(student)
    assert texts[0].encode() not in stored
    copy = pickle.loads(stored)
    np.testing.assert_array_equal(copy.predict_proba(texts), student.predict_proba(texts))
    with pytest.raises(LimbeckError, match="save before you pickle"):
        copy.save(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("parameters", "given", "message"),
    [
        ({"teachers": teachers(1)}, {}, "one teacher and no labels"),
        ({"teachers": [LogisticRegression()]}, {"y": Y}, "LogisticRegression is no fitted classifier; fit it first"),
        ({"teachers": [("a", 3)]}, {}, r"teachers\[0\]: .* no classifier"),
        ({"teachers": [*teachers(1), *teachers(1)]}, {}, "two teachers are named 'scenario 1'"),
        ({"teachers": teachers(2)}, {"X": X[:, :5]}, "'scenario 1': it was fitted on 8 features, and X has 5"),
        ({"teachers": teachers(2)}, {"y": Y.astype(str)}, "some classes are texts and others numbers"),
        ({"teachers": teachers(2), "method": "unifrom"}, {}, "did you mean 'uniform'"),
        ({}, {"y": np.zeros(len(Y))}, "all rows are of the class '0'"),
        ({"unlabelled": 1}, {"y": np.ones(len(Y))}, "no row has a label"),
        ({"losses": {"distil": 1.0}}, {"y": Y}, "needs teachers"),
        ({"network": "gru"}, {"y": Y}, "'gru' cannot read"),
        ({"kind": "tabel"}, {"y": Y}, "task.kind"),
        ({"settings": {"student.hiden": 4}}, {"y": Y}, "did you mean 'hidden'"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(parameters, given, message):
    with pytest.raises(LimbeckError, match=message) as raised:
        DistilledClassifier(**parameters).fit(**{"X": X} | given)
    assert "\n" not in str(raised.value)


def test_an_estimator_that_is_not_fitted_says_so(tmp_path):
    for use in (lambda model: model.predict(X), lambda model: model.save(tmp_path / "bundle")):
        with pytest.raises(NotFittedError):
            use(DistilledClassifier())


@pytest.mark.parametrize(("module", "package"), [("sklearn", "scikit-learn"), ("torch", "torch")])
def test_a_missing_extra_is_named(module, package):
    done = python(f"""
import sys
sys.modules["{module}"] = None
import limbeck
try:
    import limbeck.estimator
except limbeck.LimbeckError as error:
    print(error)
""")
    assert f"needs the package '{package}'" in done.stdout
    assert 'pip install -c constraints.txt -e ".[train]"' in done.stdout
