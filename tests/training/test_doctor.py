"""The doctor says all that is wrong, in the words of who has to fix it, and nothing of what is well."""

import json
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest
from torch import nn

import limbeck
from limbeck.bundle.training_hashes import expected_by_chance, hashes_of, read_seen, row_keys
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.objectives import OBJECTIVES, Loss
from limbeck.recipe import Input, Teacher, dump_recipe, parse_recipe
from limbeck.teachers import answers, kept, open_teacher
from limbeck.teachers.cache.store import Store
from limbeck.training.doctor import Finding, doctor
from small import reviews, tiny_recipe, write_csv
from teachers.make import serve

ROWS = reviews(400)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def spoilt_bundle(tmp_path_factory):
    """A bundle that was trained on rows drawn from all parts of the reviews."""
    folder = tmp_path_factory.mktemp("spoilt")
    write_csv(folder / "reviews.csv", ROWS)
    recipe = tiny_recipe(data={"split": {"valid": 0.1, "test": 0.1}}, training={"epochs": 1})
    return limbeck.train(recipe, data=folder, out=folder / "spoilt").bundle


def taught(*teachers, losses=None, network="ngram", **sections):
    """A tiny recipe with teachers, given as (name, source) or as dictionaries."""
    specs = [Teacher(name=one[0], source=one[1]) if isinstance(one, tuple) else Teacher(**one) for one in teachers]
    recipe = tiny_recipe(network, objective={"losses": losses or {"hard": 0.5, "distil": 0.5}}, **sections)
    return recipe.model_copy(update={"teachers": specs})


def said(findings, level, check=None):
    """Return what findings of a level say, one a line; also holds that each is one line."""
    assert all("\n" not in finding.what + finding.fix for finding in findings)
    return "\n".join(f.what for f in findings if f.level == level and check in (None, f.check))


def sick(findings):
    return [finding for finding in findings if finding.level != "ok"]


def rows_in(folder, rows):
    write_csv(folder / "reviews.csv", rows)
    return folder


@pytest.mark.parametrize("network", ["ngram", "gru", "textcnn"])
def test_a_healthy_recipe_has_nothing_wrong(network, rows_folder):
    findings = doctor(tiny_recipe(network), data=rows_folder)
    assert sick(findings) == []
    assert [f.check for f in findings if f.check != "data"] == ["recipe", "student", "student", "losses", "training"]
    assert "train: 240 rows (bad 120, good 120)" in said(findings, "ok", "data")


def test_healthy_teachers_have_nothing_wrong(rows_folder, bundles):
    recipe = taught(("gru", f"bundle:{bundles('gru')}"))
    findings = doctor(recipe, data=rows_folder)
    assert sick(findings) == []
    assert "answers 32 sampled rows, abstains on 0%" in said(findings, "ok", "teachers")
    assert "0 of 320 rows are in the cache" in said(findings, "ok", "cache")
    assert "it was trained on 0 of 80 test rows" in said(findings, "ok", "overlap")


def test_a_wide_student_and_every_shipped_loss_reach_it(rows_folder, bundles):
    others = ("masked-words", "adversarial", "fourier", "reconstruction", "reverse-distillation")  # other students'
    shipped = {name: loss for name, loss in OBJECTIVES.items() if loss.__module__.startswith("limbeck.")}
    of_classes = [name for name, loss in shipped.items() if not loss.boxes and not loss.several]
    losses = {name: 1.0 for name in of_classes if name not in others}
    wide = {"wide": True, "ngrams": [1, 2], "buckets": 512}
    teachers = ("t", f"bundle:{bundles()}"), {"name": "c", "source": "column:label", "options": {"features": ["label"]}}
    changes = {"augment": {"delete": 0.1}}
    recipe = taught(*teachers, losses=losses, network="gru", input=wide, training=changes)
    findings = doctor(recipe, data=rows_folder)
    assert said(findings, "error") == ""
    assert said(findings, "ok", "losses").count("reaches the student") == len(losses)
    assert "teacher 'c': gives 1 hidden features a row" in said(findings, "ok", "teachers")


def test_a_loss_of_several_labels_is_refused_where_a_row_has_one(rows_folder, tmp_path):
    recipe = tiny_recipe(objective={"losses": {"hard": 1.0, "binary": 1.0}})
    assert "the loss 'binary' learns rows that may have several labels" in said(
        doctor(recipe, data=rows_folder), "error"
    )
    with pytest.raises(LimbeckError, match=r"objective\.losses: the loss 'binary' .* 'multilabel-text'"):
        limbeck.train(recipe, data=rows_folder, out=tmp_path / "bundle")


def test_losses_that_lack_a_teachers_features_or_changed_rows_are_named(rows_folder, bundles):
    teacher = ("t", f"bundle:{bundles()}")
    losses = {"hard": 1.0, "distil-hidden": 1.0, "consistency": 1.0}
    errors = said(doctor(taught(teacher, losses=losses, network="gru"), data=rows_folder), "error")
    assert "no teacher gives features, which the loss 'distil-hidden' learns" in errors
    assert "[training.augment] changes nothing" in errors
    alone = tiny_recipe(objective={"losses": {"consistency": 1.0}}, training={"augment": {"swap": 0.1}})
    findings = doctor(alone, data=rows_folder)
    assert said(findings, "error") == "'consistency' alone: nothing here tells the classes apart"
    assert "'consistency' is" in said(findings, "ok", "losses")
    linear = taught(teacher, losses={"hard": 1.0, "distil-hidden": 1.0})
    assert "needs a network with a hidden layer" in said(doctor(linear, data=rows_folder), "error", "losses")


def test_masked_words_are_pretraining_and_need_no_label(tmp_path):
    unlabelled = [{"text": row["text"], "split": row["split"], "label": row["label"]} for row in ROWS]
    recipe = tiny_recipe("albert", objective={"losses": {"masked-words": 1.0}}, training={"metric": "loss"})
    findings = doctor(recipe, data=rows_in(tmp_path, unlabelled))
    assert sick(findings) == []
    assert "'masked-words' is" in said(findings, "ok", "losses")
    wrong = tiny_recipe("albert", objective={"losses": {"masked-words": 1.0}})
    assert "training.metric = 'macro_f1' needs labels" in said(doctor(wrong, data=tmp_path), "error", "training")


class OwnHead(Loss):
    """Falls and falls, and teaches the student nothing."""

    def __init__(self, objective, network, encoder, classes):
        super().__init__(objective, network, encoder, classes)
        self.head = nn.Linear(len(classes), 1)

    def forward(self, step):
        return self.head(step.logits.detach()).square().mean() + 1.0


class Constant(Loss):
    def forward(self, step):
        return step.logits.detach().sum()


class Infinite(Loss):
    def forward(self, step):
        return (step.logits.sum() * 0.0).log()


class Broken(Loss):
    def forward(self, step):
        return step.logits @ step.logits


def test_a_loss_that_does_not_reach_the_student_is_named(rows_folder, monkeypatch):
    more = {"own-head": OwnHead, "constant": Constant, "infinite": Infinite, "broken": Broken}
    for name, loss in more.items():
        monkeypatch.setitem(OBJECTIVES, name, loss)
    recipe = tiny_recipe(objective={"losses": {"hard": 1.0, **dict.fromkeys(more, 0.1)}})
    findings = doctor(recipe, data=rows_folder)
    lines = said(findings, "error", "losses").splitlines()
    none = "does not reach the student: no weight of the network gets a gradient"
    assert lines[:2] == [f"the loss 'own-head' {none}", f"the loss 'constant' {none}"]
    assert "the loss 'infinite' is -inf" in lines[2]
    assert "the loss 'broken' fails on the first batch" in lines[3]
    assert "'hard' is 0.69" in said(findings, "ok", "losses")


def test_a_loss_without_labels_or_weight_is_told(rows_folder, bundles):
    recipe = taught(("t", f"bundle:{bundles()}"), ("u", f"bundle:{bundles('gru')}"), data={"labels": "test"})
    findings = doctor(recipe, data=rows_folder)
    assert "the loss 'hard' learns from labels, and no row to learn from has one" in said(findings, "error")
    idle = tiny_recipe(objective={"losses": {"hard": 1.0, "hinge": 0.0}})
    assert "'hinge' has weight 0 in every epoch" in said(doctor(idle, data=rows_folder), "warn", "losses")
    assert "needs teachers" in said(
        doctor(tiny_recipe(objective={"losses": {"distil": 1.0}}), data=rows_folder), "error"
    )


@pytest.mark.parametrize("network", ["ngram", "textcnn", "albert"])
def test_texts_cut_short_are_counted(network, rows_folder):
    found = doctor(tiny_recipe(network, input={"max_length": 8}), data=rows_folder)
    (line,) = [finding for finding in found if "of the texts short" in finding.what]
    assert line.level == "warn" and "raise input.max_length; reaching the end of 95 % takes" in line.fix


def test_a_class_that_train_lacks_is_an_error_and_the_rest_is_checked(tmp_path):
    rows = [row for row in ROWS if row["split"] != "train" or row["label"] == "1"]
    findings = doctor(tiny_recipe(), data=rows_in(tmp_path, rows))
    assert "the class 'bad' has no row in train" in said(findings, "error", "data")
    assert "reaches the student" in said(findings, "ok", "losses")


def test_absent_rare_and_few_are_warnings(tmp_path):
    kept_bad = [row for row in ROWS if row["label"] == "0" and row["split"] == "train"][:9]
    rows = kept_bad + [row for row in ROWS if row["label"] == "1" and row["split"] != "valid"]
    few = [row for row in ROWS if row["label"] == "1" and row["split"] == "valid"][:20]
    findings = doctor(tiny_recipe(training={"metric": "roc_auc"}), data=rows_in(tmp_path, rows + few))
    warned = said(findings, "warn", "data")
    assert "the class 'bad' has no row in valid" in warned
    assert "the class 'bad' has no row in test" in warned
    assert "train has 13 times as many rows of 'good' as of 'bad'" in warned
    assert "only 20 valid rows" in said(findings, "warn", "training")
    assert "'roc_auc' cannot be computed" in said(findings, "error", "training")


def test_leakage_is_an_error_or_by_wish_a_warning(tmp_path):
    rows = [*ROWS, {**next(row for row in ROWS if row["split"] == "train"), "split": "test"}]
    sections = {"duplicates": "keep", "conflicts": "keep"}
    findings = doctor(tiny_recipe(data=sections), data=rows_in(tmp_path, rows))
    assert "are exact copies of rows of another part" in said(findings, "error", "data")
    assert "reaches the student" in said(findings, "ok", "losses")
    findings = doctor(tiny_recipe(data={**sections, "leakage": "warn"}), data=tmp_path)
    assert "are exact copies of rows" in said(findings, "warn", "data") and said(findings, "error") == ""


def test_prepare_still_raises_unless_asked_not_to(tmp_path):
    rows_in(tmp_path, [row for row in ROWS if row["label"] == "1"])
    with pytest.raises(LimbeckError, match="all rows are of the class 'good'"):
        prepare(tiny_recipe(), tmp_path)
    refusals = []
    assert len(prepare(tiny_recipe(), tmp_path, refuse=refusals.append).texts)
    assert [type(refusal) for refusal in refusals] == [LimbeckError]


def test_columns_that_tell_nothing(tmp_path):
    random = np.random.default_rng(0)
    lines = ["posts,none,same,label"] + [f"{random.poisson(3 + 20 * (n % 2))},,x,{n % 2}" for n in range(300)]
    (tmp_path / "rows.csv").write_text("\n".join(lines), "utf-8")
    plain = Input().model_dump() | {"encoder": "table"}
    recipe = tiny_recipe(task={"kind": "table", "input": ["posts", "none", "same", "gone"]}, input=plain,
        data={"train": "rows.csv", "split": {"valid": 0.2, "test": 0.2}, "duplicates": "keep", "leakage": "warn"},
    ).model_copy(update={"student": tiny_recipe().student.model_copy(update={"network": "mlp"})})  # fmt: skip
    findings = doctor(recipe, data=tmp_path)
    warned = said(findings, "warn", "data")
    assert "'none' is empty" in warned and "'same' holds 'x' in every row" in warned
    assert "'gone' is not in the rows" in warned and "'posts'" not in warned
    assert said(findings, "error") == ""


def test_teachers_that_do_not_fit(rows_folder, tmp_path, bundles):
    recipe = taught(
        {"name": "half", "source": "bundle:" + str(bundles()), "labels": {"bad": ""}},
        ("gone", "bundle:nowhere"),
        ("kind", "bundel:x"),
        ("deaf", "rule:contains(text, '永不出现') -> good"),
        ("same", "rule:len(text) > 0 -> good @ 0.8"),
        ("blind", "rule:txet == '' -> good"),
        {"name": "paid", "source": "http:http://127.0.0.1:9/v2/models/m", "options": {"classes": ["bad", "good"]}},
        ("quiet", "onnx:none.onnx"),
    )
    findings = doctor(recipe, data=rows_folder)
    errors, warned = said(findings, "error"), said(findings, "warn")
    assert "teacher 'gone': there is no 'nowhere'" in errors
    assert errors.count("unknown kind 'bundel'") == 1
    assert "teacher 'blind': it reads the column 'txet', which the rows lack" in errors
    assert "teacher 'half': it never answers 'bad'" in warned
    assert "teacher 'deaf': it abstains on all of 32 sampled rows" in warned
    assert "teacher 'same': it gives the same answer to every row: [0.2, 0.8]" in warned
    assert "teacher 'paid': not asked" in said(findings, "ok")
    assert "teacher 'paid': nothing tells whether it was trained on the test rows" in warned


def test_a_class_that_no_teacher_has_and_one_that_is_not_ours(rows_folder, bundles):
    good = taught(("same", "rule:len(text) > 9 -> good"), ("more", "rule:len(text) > 19 -> good"))
    assert "no teacher answers 'bad'" in said(doctor(good, data=rows_folder), "error", "teachers")
    other = tiny_recipe(task={"classes": {"0": "awful", "1": "good"}}, objective={"losses": {"distil": 1.0}})
    other = other.model_copy(update={"teachers": [Teacher(name="t", source=f"bundle:{bundles()}")]})
    (found,) = [f for f in doctor(other, data=rows_folder) if f.level == "error"]
    assert found.what == "teacher 't': its class 'bad' is none of ours" and "labels" in found.fix


def test_one_teacher_without_labels_is_refused(rows_folder, bundles):
    recipe = taught(("t", f"bundle:{bundles()}"), losses={"distil": 1.0}, data={"labels": "test"})
    assert "one teacher and no labels" in said(doctor(recipe, data=rows_folder), "error", "training")


def test_a_cache_that_says_what_the_teacher_does_not_is_an_error(rows_folder, bundles):
    recipe = taught(("t", f"bundle:{bundles()}"))
    data = prepare(recipe, rows_folder)
    teacher = open_teacher(recipe.teachers[0], data.classes, task=recipe.task)
    frame = data.frame[np.flatnonzero(data.split != "test")]
    P = answers([teacher], frame, quiet=True)[0]
    found = kept(teacher, frame)
    assert found.there.all() and np.array_equal(found.answers, P)
    healthy = doctor(recipe, data=rows_folder)
    assert sick(healthy) == []
    assert "320 of 320 rows are in the cache; 32 of them asked again say the same" in said(healthy, "ok", "cache")

    keys = Store(found.files[0].parent, teacher.fingerprint, 2)._parts[0].copy()
    for file in found.files:
        file.unlink()
    Store(found.files[0].parent, teacher.fingerprint, 2).add(keys, np.tile(np.float16([0.25, 0.75]), (len(keys), 1)))
    (broken,) = sick(doctor(recipe, data=rows_folder))
    assert broken.level == "error" and "asked again are answered otherwise" in broken.what
    assert all(str(file) in broken.fix for file in found.files)


def test_a_scenario_table_that_holds_the_test_rows_is_found(tmp_path):
    marked = [{**row, "domain": "fruit"} for row in ROWS]
    stolen = [{**row, "domain": "books", "split": "train", "text": f"<b>{row['text']}</b>"} for row in marked[::3]]
    rows_in(
        tmp_path, [*marked, *stolen, *({**row, "domain": "hotel", "split": "train"} for row in reviews(100, seed=9))]
    )
    one = {"name": "s", "source": "scenarios:reviews.csv", "options": {"column": "domain"}}
    recipe = taught(one, losses={"distil": 1.0}, data={"where": {"domain": "fruit"}, "labels": "test"})
    findings = doctor(recipe, data=tmp_path)
    assert said(findings, "error").startswith("teacher 'books': it was trained on ")
    assert "teacher 'hotel': it was trained on 0 of 80 test rows" in said(findings, "ok", "overlap")


def test_a_sample_that_holds_the_test_rows_is_found(rows_folder):
    recipe = taught({"name": "r", "source": "http:http://127.0.0.1:9/v2/models/m", "sample": "reviews.csv"})
    assert "teacher 'r': it was trained on 80 of 80 test rows" in said(
        doctor(recipe, data=rows_folder), "error", "overlap"
    )


def test_one_test_row_in_a_hundred_is_a_warning(tmp_path):
    rows = rows_in(tmp_path, reviews(1000))
    test = [row for row in reviews(1000) if row["split"] == "test"]
    write_csv(tmp_path / "own.csv", [*reviews(50, seed=9), test[0]])
    recipe = taught({"name": "r", "source": "http:http://127.0.0.1:9/v2/models/m", "sample": "own.csv"})
    assert f"trained on 1 of {len(test)} test rows" in said(doctor(recipe, data=rows), "warn", "overlap")


def test_a_teacher_behind_http_is_asked_about_a_few_rows_by_wish_and_nothing_is_written(
    rows_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def reply(path, body):
        if body is None:
            return 200, {"name": "m", "inputs": [{"name": "TEXT", "datatype": "BYTES", "shape": [-1]}]}
        data = [part for text in body["inputs"][0]["data"] for part in ((0.2, 0.8) if "满意" in text else (0.6, 0.4))]
        return 200, {"outputs": [{"name": "p", "datatype": "FP32", "shape": [len(data) // 2, 2], "data": data}]}

    with serve(reply) as (address, seen):
        recipe = taught(("paid", f"http:{address}/v2/models/m"))
        assert "teacher 'paid': not asked" in said(doctor(recipe, data=rows_folder), "ok", "teachers")
        assert seen == []
        assert "answers 32 sampled rows" in said(doctor(recipe, data=rows_folder, ask=True), "ok", "teachers")
        assert sum(len(body["inputs"][0]["data"]) for _, body in seen) == 32
    assert not (tmp_path / "home").exists()


def test_a_bundle_that_was_trained_on_the_test_rows_is_found(rows_folder, spoilt_bundle):
    (found,) = sick(doctor(taught(("t", f"bundle:{spoilt_bundle}")), data=rows_folder))
    assert found.level == "error" and found.check == "overlap"


def test_a_bundle_holds_hashes_of_its_rows_unless_told_not_to(rows_folder, bundles, tmp_path):
    data = prepare(tiny_recipe(), rows_folder)
    seen = read_seen(bundles())
    keys = row_keys(data.texts, tiny_recipe().task, tiny_recipe().input)
    assert np.isin(hashes_of(keys), seen).tolist() == (data.split != "test").tolist()
    assert "seen.npy" in json.loads((bundles() / "bundle.json").read_text("utf-8"))["files"]
    recipe = tiny_recipe(export={"seen": False}, training={"epochs": 1})
    bare = limbeck.train(recipe, data=rows_folder, out=tmp_path / "bare").bundle
    assert not (bare / "seen.npy").exists()
    (found,) = sick(doctor(taught(("t", f"bundle:{bare}")), data=rows_folder))
    assert found.level == "warn" and "nothing tells" in found.what


def test_hashes_collide_as_often_as_expected():
    seen = np.unique(hashes_of(f"seen {n}" for n in range(200_000)))
    count = int(np.isin(hashes_of(f"new {n}" for n in range(100_000)), seen).sum())
    assert count <= 20 and expected_by_chance(100_000, 200_000) == pytest.approx(4.66, abs=0.01)


def test_damaged_hashes_are_one_line(tmp_path):
    for wrong in (np.array([3, 2], np.uint32), np.array([1, 2], np.int64), np.array([None])):
        np.save(tmp_path / "seen.npy", wrong, allow_pickle=True)
        with pytest.raises(LimbeckError, match=r"seen\.npy: "):
            read_seen(tmp_path)
    assert read_seen(tmp_path / "nowhere") is None


def test_everything_at_once_is_all_reported(tmp_path, monkeypatch, bundles):
    monkeypatch.setitem(OBJECTIVES, "own-head", OwnHead)
    rows = [*ROWS, {**next(row for row in ROWS if row["split"] == "train"), "split": "test"}]
    recipe = taught(
        ("gone", "bundle:nowhere"),
        ("same", "rule:len(text) > 0 -> good"),
        losses={"hard": 1.0, "own-head": 1.0, "hrad": 1.0},
        data={"duplicates": "keep"},
        input={"max_length": 8},
        training={"device": "cuda"},
        evaluation={"slices": ["domian"]},
        relevance={"method": "atuo"},
    )
    errors = said(doctor(recipe, data=rows_in(tmp_path, rows)), "error")
    for part in ("unknown loss 'hrad'", "unknown relevance.method 'atuo'", "exact copies", "'own-head' does not reach",
                 "there is no 'nowhere'", "no cuda device", "'domian'"):  # fmt: skip
        assert part in errors, part


def test_unreadable_rows_or_recipes_leave_the_other_checks(tmp_path, bundles):
    recipe = taught(("gone", "bundle:nowhere"), ("t", f"bundle:{bundles()}"), training={"device": "cuda"})
    findings = doctor(recipe, data=tmp_path)
    assert [f.check for f in findings if f.level == "error"] == ["data", "teachers", "training"]
    assert "not checked: the rows cannot be read" in said(findings, "warn", "losses")
    (only,) = doctor(tmp_path / "none.toml")
    assert asdict(only) == asdict(Finding("error", "recipe", only.what, "check the path"))


@pytest.mark.parametrize("place", ["data", "recipe"])
def test_files_are_found_beside_the_data_and_beside_the_recipe(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    homes = {name: tmp_path / name for name in ("data", "recipe")}
    for folder in homes.values():
        folder.mkdir()
    rows_in(homes["data"], ROWS)
    (homes[place] / "words.txt").write_text("很快 迅速\n", encoding="utf-8")
    unlabelled = [{"text": row["text"], "label": row["label"]} for row in ROWS if row["split"] == "train"]
    write_csv(homes[place] / "done.csv", unlabelled[:20])
    recipe = taught(
        ("a", 'rule:contains(text, "很快") -> good; contains(text, "太差") -> bad'), network="textcnn",
        input={"stop_words": "words.txt"}, training={"augment": {"synonyms": 0.1, "synonym_file": "words.txt"}},
        relevance={"reviewed": "done.csv"},
    )  # fmt: skip
    file = homes["recipe"] / "r.toml"
    file.write_text(dump_recipe(recipe), encoding="utf-8")
    findings = doctor(file, data=homes["data"])
    told = said(findings, "ok")
    assert "2 words have synonyms" in told and "20 of the rows to learn from are reviewed" in told
    assert said(findings, "error") == ""


@pytest.mark.parametrize(
    ("sections", "level", "told"),
    [
        ({"input": {"stop_words": "gone.txt"}}, "error", "gone.txt: there is no such file"),
        (
            {"training": {"augment": {"synonyms": 0.1, "synonym_file": "gone.txt"}}},
            "error",
            "gone.txt: there is no such",
        ),
        ({"training": {"augment": {"synonyms": 0.1}}}, "error", "need training.augment.synonym_file"),
        ({"training": {"augment": {"back_translation": ["a/b"]}}}, "error", "names 1 models"),
        ({"training": {"augment": {"back_translation": ["./a", "./b"]}}}, "warn", "'./a' is no folder here"),
        ({"relevance": {"reviewed": "gone.csv"}}, "error", "gone.csv: there is no such file"),
        ({"relevance": {"reviewed": "other.csv"}}, "error", "none of the rows of other.csv is among the rows"),
    ],
)
def test_files_that_training_would_miss_after_hours_are_told_before(sections, level, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows_in(tmp_path, ROWS)
    write_csv(tmp_path / "other.csv", [{"text": "谁也没有写过这一条", "label": "1"}])
    recipe = taught(("a", 'rule:contains(text, "很快") -> good'), network="textcnn", **sections)
    assert told in said(doctor(recipe, data=tmp_path), level)


def test_teachers_that_never_answer_are_an_error_only_together(tmp_path):
    rows_in(tmp_path, ROWS)
    mute = [
        (name, f'rule:contains(text, "{name}") -> good; contains(text, "x{name}") -> bad') for name in ("zzz", "yyy")
    ]
    findings = doctor(taught(*mute), data=tmp_path)
    assert "no teacher answers any of the sampled rows: 'zzz', 'yyy' abstain" in said(findings, "error", "teachers")
    speaks = ("speaks", 'rule:contains(text, "很快") -> good; contains(text, "太差") -> bad')
    findings = doctor(taught(*mute, speaks), data=tmp_path)
    assert "no teacher" not in said(findings, "error") and "it abstains on all of" in said(findings, "warn", "teachers")


def test_a_column_that_alone_tells_the_label_is_told(tmp_path):
    random = np.random.default_rng(0)
    label = random.choice(["kept", "left"], 300)
    reason = np.where(label == "left", random.choice(["price", "moved"], 300), "")
    hint = np.where(random.random(300) < 0.9, label, "kept")
    number = random.normal(size=300).round(6)
    frame = pl.DataFrame({"reason": reason, "hint": hint, "number": number, "label": label})
    frame.write_csv(tmp_path / "rows.csv")
    raw = {
        "task": {"kind": "table", "input": ["reason", "hint", "number"]},
        "data": {"train": "rows.csv", "split": {"valid": 0.2, "test": 0.2}},
        "input": {"encoder": "table"}, "student": {"network": "mlp"},
    }  # fmt: skip
    warned = said(doctor(parse_recipe(raw), data=tmp_path), "warn", "data")
    assert "the input column 'reason' alone tells the label of every row" in warned
    assert "'hint'" not in warned and "'number'" not in warned
