"""From teachers' answers to a student: cold start, joining, reviewed labels, tables."""

import csv
import json

import numpy as np
import pytest

import limbeck
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.metrics.fitted.logistic_fit import fit_logistic
from limbeck.recipe import parse_recipe
from limbeck.teachers.scenarios import scenario_teachers
from limbeck.training.distill.co_training import joint, settled, standard
from limbeck.training.distill.cold_start import rates_of
from limbeck.training.distill.distill import distil
from limbeck.training.distill.fuse_answers import at_rates, reviewed_rows
from limbeck.training.distill.panel import seat

GOOD, BAD = ["很好", "喜欢", "满意", "推荐", "超值"], ["很差", "失望", "退货", "难吃", "糟糕"]
THINGS = {
    "酒店": ["房间", "前台", "早餐"],
    "书": ["内容", "纸张", "作者"],
    "水果": ["苹果", "包装", "物流"],
    "手机": ["屏幕", "电池", "信号"],
    "衣服": ["面料", "颜色", "尺码"],
    "电脑": ["键盘", "风扇", "系统"],
}


def scenario_rows(count: int = 80) -> list[dict]:
    random = np.random.default_rng(0)
    rows = []
    for domain, things in THINGS.items():
        for number in range(count):
            label = int(random.random() < 0.5)
            words = GOOD if label else BAD
            parts = [f"{random.choice(things)}{random.choice(words)}" for _ in range(2)]
            text = f"{'，'.join(parts)}第{number}次"
            split = ("train", "train", "train", "valid", "test")[number % 5]
            rows.append({"domain": domain, "split": split, "label": label, "text": text})
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("scenarios")
    with (place / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["domain", "split", "label", "text"])
        writer.writeheader()
        writer.writerows(scenario_rows())
    return place


def recipe(**changes) -> dict:
    raw = {
        "task": {"kind": "text", "classes": {"0": "bad", "1": "good"}},
        "data": {"train": "rows.csv", "where": {"domain": "水果"}, "split": "split", "labels": "test"},
        "teachers": [{"name": "s", "source": "scenarios:rows.csv", "options": {"column": "domain"}}],
        "input": {"encoder": "ngrams", "ngrams": [1, 2], "buckets": 4096},
        "student": {"network": "ngram", "idf": 1.0},
        "objective": {"losses": {"distil": 1.0}},
        "training": {"optimizer": "lbfgs", "weight_decay": 1e-4, "epochs": 3, "metric": "loss"},
        "evaluation": {"bootstrap": 0},
    }
    return raw | changes


@pytest.fixture(scope="module")
def cold(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("cold")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIMBECK_HOME", str(place / "home"))
        return limbeck.train(parse_recipe(recipe()), data=folder, out=place / "bundle")


def test_a_student_without_a_label_learns_from_its_neighbours(cold):
    assert cold.judged_on == "test"
    assert cold.metrics["accuracy"] > 0.9


def test_the_trust_report_names_every_teacher_with_an_interval(cold):
    trust = json.loads((cold.bundle / "trust.json").read_text("utf-8"))
    assert [teacher["name"] for teacher in trust["teachers"]] == [*sorted(set(THINGS) - {"水果"}), "pooled"]
    for teacher in trust["teachers"]:
        low, high = teacher["interval"]
        assert 0 <= low <= teacher["accuracy"] <= high <= 1
    assert trust["notes"]


def test_labels_of_the_target_are_not_read_but_on_test(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    lines = (folder / "rows.csv").read_text("utf-8").splitlines()
    spoilt = [line.replace("水果,train,0", "水果,train,?").replace("水果,train,1", "水果,train,?") for line in lines]
    (tmp_path / "rows.csv").write_text("\n".join(spoilt), "utf-8")
    trained = limbeck.train(parse_recipe(recipe()), data=tmp_path, out=tmp_path / "bundle")
    assert trained.metrics["accuracy"] > 0.9


def test_one_teacher_and_no_label_is_refused(folder, tmp_path):
    one = [{"name": "r", "source": 'rule:contains(text, "好") -> good; len(text) > 0 -> bad'}]
    with pytest.raises(LimbeckError, match="one teacher and no labels"):
        limbeck.train(parse_recipe(recipe(teachers=one)), data=folder, out=tmp_path / "bundle")


def test_distillation_without_teachers_is_refused(folder, tmp_path):
    raw = recipe(teachers=[])
    raw["data"] = {"train": "rows.csv", "split": "split"}
    with pytest.raises(LimbeckError, match="needs teachers"):
        limbeck.train(parse_recipe(raw), data=folder, out=tmp_path / "bundle")


def test_an_unknown_method_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    with pytest.raises(LimbeckError, match="did you mean 'uniform'"):
        limbeck.train(parse_recipe(recipe(relevance={"method": "unifrom"})), data=folder, out=tmp_path / "bundle")


def test_labels_and_teachers_together(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    raw = recipe(objective={"losses": {"hard": 0.5, "distil": 0.5}, "temperature": {"start": 2.0}})
    raw["data"] = {"train": "rows.csv", "where": {"domain": "水果"}, "split": "split"}
    raw["training"] = {"epochs": 3, "learning_rate": 0.05}
    assert limbeck.train(parse_recipe(raw), data=folder, out=tmp_path / "bundle").metrics["accuracy"] > 0.9


def test_only_rows_whose_neighbours_agree_are_learned_and_the_held_ones_stay(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    fruit = [row for row in scenario_rows() if row["domain"] == "水果" and row["split"] != "test"]
    marked = fruit[:3]
    lines = ["text,label", *(f"{row['text']},{row['label']}" for row in marked)]
    (tmp_path / "reviewed.csv").write_text("\n".join(lines), "utf-8")

    def learn(**settings):
        wanted = parse_recipe(recipe(relevance={"method": "uniform", **settings}))
        data = prepare(wanted, folder, recipe_folder=None)
        return data, distil(wanted, data, folders=[folder])

    data, everything = learn()
    _, half = learn(keep=0.5)
    whole, few = everything.targets, half.targets
    assert np.array_equal(few.held, whole.held)
    assert np.array_equal(few.held_answers, whole.held_answers)
    place = {row: at for at, row in enumerate(whole.rows)}
    assert np.array_equal(few.answers, whole.answers[[place[row] for row in few.rows]])
    for c in (0, 1):
        count = (whole.answers.argmax(axis=1) == c).sum()
        assert (few.answers.argmax(axis=1) == c).sum() == int(np.ceil(count / 2))
    assert f"learned from the {len(few.rows)} of {len(whole.rows)} rows" in half.trust["notes"][-1]

    _, least = learn(keep=0.1, reviewed=str(tmp_path / "reviewed.csv"))
    assert len(least.targets.rows) < 10
    kept = {data.texts[row] for row in [*least.targets.rows, *least.targets.held]}
    assert {row["text"] for row in marked} <= kept


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_of_rows_is_more_than_none_and_at_most_all(share):
    with pytest.raises(LimbeckError, match="keep"):
        parse_recipe(recipe(relevance={"keep": share}))


def panel(count=600, seed=0):
    random = np.random.default_rng(seed)
    truth = (random.random(count) < 0.5).astype(int)
    features = random.normal(size=(count, 8)) + 1.2 * truth[:, None]
    noisy = np.where(random.random(count) < 0.75, truth, 1 - truth)
    fused = np.where(np.eye(2)[noisy] > 0, 0.7, 0.3)
    return features, fused, truth


def test_rounds_with_the_student_correct_a_noisy_consensus():
    features, fused, truth = panel()
    answer = joint(features, fused, np.array([0.5, 0.5]))
    assert (fused.argmax(axis=1) == truth).mean() < 0.8
    assert (answer.argmax(axis=1) == truth).mean() > 0.9


def test_no_round_keeps_the_order_of_the_fused_answer():
    _, fused, _ = panel()
    fused = fused + np.random.default_rng(1).uniform(-0.1, 0.1, len(fused))[:, None] * [1, -1]
    answer = joint(np.zeros((len(fused), 1)), fused, np.array([0.5, 0.5]), rounds=0)
    assert np.array_equal(np.argsort(answer[:, 1]), np.argsort(fused[:, 1]))


@pytest.mark.parametrize("rates", [[0.3, 0.7], [0.2, 0.3, 0.5]])
def test_an_answer_is_held_to_the_class_rates(rates):
    scores = np.random.default_rng(0).normal(size=(5000, len(rates)))
    answer = settled(standard(scores), np.array(rates))
    assert answer.sum(axis=1) == pytest.approx(1.0)
    share = np.bincount(answer.argmax(axis=1), minlength=len(rates)) / len(answer)
    assert share == pytest.approx(rates, abs=0.05)


def test_reviewed_rows_are_their_class_and_move_the_others():
    scores = standard(np.random.default_rng(0).normal(size=(500, 2)))
    rows = np.arange(60)
    before = settled(scores, np.array([0.5, 0.5]))
    after = settled(scores, np.array([0.5, 0.5]), (rows, np.ones(60, dtype=np.int64)))
    assert (after[rows, 1] == 1.0).all()
    assert after[60:, 1].mean() > before[60:, 1].mean()


def test_the_logistic_fit_is_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    features, _, truth = panel(200)
    from scipy import sparse

    ours = fit_logistic(sparse.csr_array(features), truth.astype(float), np.ones(200), strength=1.0, iterations=500)
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(features, truth)
    assert ours[:-1] == pytest.approx(theirs.coef_[0], abs=1e-3)


def test_a_table_student_trains_and_answers_rows_that_lack_a_column(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    lines = ["posts,followers,kind,label"]
    for _ in range(300):
        label = int(random.random() < 0.5)
        lines.append(f"{random.poisson(3 + 20 * label)},{random.poisson(5)},{'ab'[label]},{label}")
    (tmp_path / "rows.csv").write_text("\n".join(lines), "utf-8")
    raw = {
        "task": {"kind": "table", "input": ["posts", "followers", "kind"], "classes": {"0": "real", "1": "risky"}},
        "data": {"train": "rows.csv", "duplicates": "keep", "leakage": "warn"},
        "student": {"network": "mlp"},
        "training": {"epochs": 5, "batch_size": 32},
        # Dynamic int8 scales activations by the batch, so whether windows matter is only told in full precision.
        "export": {"int8": "never"},
    }
    trained = limbeck.train(parse_recipe(raw), data=tmp_path, out=tmp_path / "bundle")
    assert trained.metrics["accuracy"] > 0.95
    with limbeck.load(trained.bundle) as classifier:
        assert classifier.predict_proba([{"posts": 30, "kind": "b"}]).shape == (1, 2)
        assert classifier.predict([{"posts": 30, "kind": "b"}, {"posts": 1, "kind": "a"}]) == ["risky", "real"]
        many = [{"posts": number, "kind": "ab"[number % 2]} for number in range(50)]
        whole = classifier.predict_proba(many)
        monkeypatch.setattr("limbeck.kinds.table.encode.TableInput.window", 16)
        monkeypatch.setattr("limbeck.kinds.table.encode.TableInput.most", 5)
        assert classifier.predict_proba(many) == pytest.approx(whole, abs=1e-6)
    (tmp_path / "ask.csv").write_text("id,posts\n7,30\n8,\n", "utf-8")
    done = limbeck.predict(trained.bundle, tmp_path / "ask.csv", tmp_path / "out.csv", quiet=True)
    assert (done.rows, done.rejected) == (2, 0)


def test_a_small_target_is_filled_up_with_rows_of_the_teachers_scenarios(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    wanted = parse_recipe(recipe())
    data = prepare(wanted, folder, recipe_folder=None)
    targets = distil(wanted, data, folders=[folder]).targets
    assert targets.others is not None
    assert len(targets.answers) == len(targets.rows) + targets.others.height
    assert targets.frame(data).height == len(targets.answers)
    assert not set(targets.others["text"]) & set(data.frame["text"])
    average = parse_recipe(recipe(relevance={"method": "uniform"}))
    assert distil(average, data, folders=[folder]).targets.others is None


def test_teachers_who_call_every_row_the_same_are_refused_in_one_line(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    same = [{"name": name, "source": f"rule:len(text) > {at} -> good"} for at, name in enumerate("ab")]
    with pytest.raises(LimbeckError, match="rows 'good': there is nothing to learn"):
        limbeck.train(parse_recipe(recipe(teachers=same)), data=folder, out=tmp_path / "bundle")


def test_few_teachers_are_cut_at_rates_that_their_scenarios_calibrate():
    random = np.random.default_rng(0)
    answer = np.clip(random.beta(2, 5, 400), 0.01, 0.99)
    cut = at_rates(np.stack([1 - answer, answer], axis=1), np.array([0.6, 0.4]))
    assert (cut[:, 1] > 0.5).mean() == pytest.approx(0.4, abs=0.01)
    assert np.array_equal(np.argsort(cut[:, 1]), np.argsort(answer))


# Rows on which every teacher abstains


def distilled(rows, tmp_path, rules, *, classes=("bad", "good"), labelled=(), **changes):
    """Distil from rules on a table of texts; returns the data set and what the student is to learn."""
    lines = [f"{text},{dict(labelled).get(at, '')}" for at, text in enumerate(rows)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *lines]), "utf-8")
    raw = recipe(teachers=[{"name": f"r{at}", "source": f"rule:{rule}"} for at, rule in enumerate(rules)], **changes)
    raw["task"] = {"kind": "text", "classes": list(classes)}
    if labelled:
        raw["data"] = {"train": "t.csv", "split": {"valid": 0.2, "test": 0.2}, "duplicates": "keep", "leakage": "warn"}
        raw["objective"] = {"losses": {"hard": 0.5, "distil": 0.5}}
    else:
        raw["data"] = {"unlabelled": ["t.csv"], "duplicates": "keep"}
    parsed = parse_recipe(raw)
    data = prepare(parsed, tmp_path)
    return data, distil(parsed, data, folders=[tmp_path], cache=tmp_path / "cache")


TWO_RULES = [
    'contains(text, "喜欢") -> good; contains(text, "失望") -> bad',
    'contains(text, "惊喜") -> good; contains(text, "退货") -> bad',
]


def mixed_texts(count=200):
    """Half of the rows say what a rule knows, as often the one class as the other."""
    said = ["喜欢", "失望", "惊喜", "退货", "昨天", "三周", "路上", "同事"]
    return [f"第{at}次{said[at % 8]}" for at in range(count)]


@pytest.mark.parametrize("method", ["auto", "uniform", "majority", "confidence", "agreement", "consensus", "joint"])
def test_the_order_of_classes_changes_no_rate(tmp_path, method):
    found = []
    for classes in (("bad", "good"), ("good", "bad")):
        data, taught = distilled(mixed_texts(), tmp_path, TWO_RULES, classes=classes, relevance={"method": method})
        assert taught.trust["unanswered"] == 100 and taught.trust["rows"] == 200
        assert taught.trust["notes"][0] == "100 of 200 rows: no teacher answers; they count for nothing."
        learned = [data.texts[row] for row in np.concatenate([taught.targets.rows, taught.targets.held])]
        assert len(learned) == 100 and not any("昨天" in text or "同事" in text for text in learned)
        found.append(taught.trust)
    assert found[0]["class_rates"] == pytest.approx(found[1]["class_rates"], abs=1e-6)
    assert found[0]["class_rates"] == pytest.approx({"bad": 0.5, "good": 0.5}, abs=0.06)
    assert found[0]["expected_accuracy"] == pytest.approx(found[1]["expected_accuracy"], abs=1e-6)
    for one, other in zip(found[0]["teachers"], found[1]["teachers"], strict=True):
        assert one["relevance"] == pytest.approx(other["relevance"], abs=1e-6)
        assert one["recall"] == pytest.approx(other["recall"], abs=1e-3)
        assert (one["decided"], one["flips_without"]) == (other["decided"], other["flips_without"])


@pytest.mark.parametrize("classes", [("bad", "good"), ("good", "bad")])
def test_teachers_that_say_nothing_are_told_so(tmp_path, classes):
    silent = ['contains(text, "没有这个词") -> good', 'contains(text, "不存在") -> bad']
    with pytest.raises(LimbeckError, match="no teacher answers any of 40 rows"):
        distilled(mixed_texts(40), tmp_path, silent, classes=classes)
    even = ['contains(text, "第") -> good @ 0.5', 'contains(text, "次") -> bad @ 0.5']
    with pytest.raises(LimbeckError, match="tell no class from another on any of 40 rows"):
        distilled(mixed_texts(40), tmp_path, even, classes=classes)
    one_sided = ['contains(text, "喜欢") -> good', 'contains(text, "惊喜") -> good']
    with pytest.raises(LimbeckError, match="they call every one of 10 rows 'good'"):
        distilled(mixed_texts(40), tmp_path, one_sided, classes=classes)


def test_a_teacher_that_never_answers_is_named(tmp_path):
    _, taught = distilled(mixed_texts(), tmp_path, [*TWO_RULES, 'contains(text, "没有") -> good'])
    assert "Teachers 2 answer none of the rows." in taught.trust["notes"]
    assert taught.trust["teachers"][2]["decided"] == 0


def test_a_row_without_an_answer_is_taught_by_its_label_or_a_reviewed_one(tmp_path):
    """Beside labels a silent row has no target; a row that a person has answered is learned as that."""
    texts = mixed_texts()
    labelled = [(at, "good" if at % 4 < 2 else "bad") for at in range(len(texts))]
    data, taught = distilled(texts, tmp_path, TWO_RULES, labelled=labelled)
    silent = np.isnan(taught.targets.answers[:, 0])
    said = [data.texts[row] for row in taught.targets.rows]
    assert [any(word in text for word in ("喜欢", "失望", "惊喜", "退货")) for text in said] == list(~silent)
    (tmp_path / "reviewed.csv").write_text("text,label\n" + "\n".join(f"{texts[at]},good" for at in (4, 12)), "utf-8")
    data, taught = distilled(texts, tmp_path, TWO_RULES, relevance={"reviewed": "reviewed.csv"})
    assert taught.trust["unanswered"] == 98
    rows = np.concatenate([taught.targets.rows, taught.targets.held])
    answers = np.concatenate([taught.targets.answers, taught.targets.held_answers])
    known = {data.texts[row]: answer for row, answer in zip(rows, answers, strict=True)}
    np.testing.assert_allclose([known[texts[at]] for at in (4, 12)], [[0, 1], [0, 1]], atol=1e-6)


# Other tables of a recipe


def test_scenarios_samples_and_reviewed_labels_are_read_as_the_rows_are(folder, tmp_path):
    """The same rows in GBK, under other names, beside rows that are not wanted, give the same teachers."""
    lines = (folder / "rows.csv").read_text("utf-8").splitlines()[1:]
    other = ["编号,部分,标签,正文,语言"]
    for at, line in enumerate(lines):
        domain, split, label, text = line.split(",")
        other.append(f"{domain}-{at},{split},{label},{text},zh")
        other.append(f"{domain}-{at},{split},{1 - int(label)},{text}外文,xx")
    (tmp_path / "other.csv").write_text("\n".join(other), "gb18030")
    plain = parse_recipe(recipe())
    raw = recipe(teachers=[{"name": "s", "source": "scenarios:other.csv", "options": {"column": "domain"}}])
    raw["data"] = {
        "train": "other.csv", "split": "split", "labels": "test", "encoding": "gb18030",
        "columns": {"编号": "id", "部分": "split", "标签": "label", "正文": "text", "语言": "language"},
        "derive": {"domain": {"column": "id", "pattern": "^(.*)-"}}, "where": {"language": "zh"},
    }  # fmt: skip
    renamed = parse_recipe(raw)
    own, _ = scenario_teachers(plain.teachers[0], plain, ("bad", "good"), [folder])
    found, _ = scenario_teachers(renamed.teachers[0], renamed, ("bad", "good"), [tmp_path])
    assert sorted(one.name for one in found) == sorted(THINGS)
    fingerprints = {one.name: one.fingerprint for one in found}
    assert {one.name: one.fingerprint for one in own}.items() <= fingerprints.items()

    column = {"name": "c", "source": "column:label", "sample": "other.csv", "sample_where": {"language": "xx"}}
    panel = seat(parse_recipe(raw | {"teachers": [column]}), ("bad", "good"), [tmp_path])
    sample = panel.samples[0]
    assert sample.height == len(lines) and set(sample["domain"]) == set(THINGS)
    assert all(text.endswith("外文") for text in sample["text"])

    data = prepare(renamed, tmp_path)
    asked = np.flatnonzero(data.split == "unlabelled")
    texts = [data.texts[row] for row in asked[[5, 9]]]
    (tmp_path / "seen.csv").write_text(f"正文,标签\n{texts[0]},1\n{texts[1]},0\n", "gb18030")
    rows, labels = reviewed_rows(str(tmp_path / "seen.csv"), renamed, data, asked)
    assert [data.texts[asked[row]] for row in rows] == texts and labels.tolist() == [1, 0]


def test_scenarios_without_labels_teach_nothing(folder, tmp_path):
    lines = (folder / "rows.csv").read_text("utf-8").splitlines()
    lines = [
        line.replace(",1,", ",,").replace(",0,", ",,") if line.startswith(("书", "手机")) else line for line in lines
    ]
    lines[2] = lines[2].replace(",1,", ",,").replace(",0,", ",,")
    (tmp_path / "rows.csv").write_text("\n".join(lines), "utf-8")
    wanted = parse_recipe(recipe())
    found, pooled = scenario_teachers(wanted.teachers[0], wanted, ("bad", "good"), [tmp_path])
    assert [one.name for one in pooled] == ["pooled"]
    assert [one.name for one in found] == sorted(set(THINGS) - {"水果", "书", "手机"})
    refusing = parse_recipe(recipe(data=recipe()["data"] | {"missing_labels": "refuse"}))
    with pytest.raises(LimbeckError, match=r"rows.csv, row \d+.*label"):
        scenario_teachers(refusing.teachers[0], refusing, ("bad", "good"), [tmp_path])


def test_scenarios_of_pictures_are_refused(folder):
    wanted = parse_recipe(recipe(input={}) | {"task": {"kind": "image", "classes": ["bad", "good"]}})
    with pytest.raises(LimbeckError, match="teacher 's': scenarios of 'image' cannot be learned; known: text, table"):
        scenario_teachers(wanted.teachers[0], wanted, ("bad", "good"), [folder])
    missing = wanted.teachers[0].model_copy(update={"source": "scenarios:gone.csv"})
    with pytest.raises(LimbeckError, match=r"teacher 's': there is no 'gone.csv' in"):
        scenario_teachers(missing, parse_recipe(recipe()), ("bad", "good"), [folder])


@pytest.mark.parametrize(
    ("rates", "found"),
    [({}, None), ({"good": 0.8, "bad": 0.2}, [0.2, 0.8]), ({"good": 0.3}, [0.7, 0.3]), ({"bad": 0.9}, [0.9, 0.1])],
)
def test_stated_class_rates(rates, found):
    read = rates_of(parse_recipe(recipe(relevance={"class_rates": rates})), ("bad", "good"))
    assert read is None if found is None else read == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        ({"god": 0.5}, "relevance.class_rates: 'god' is no class; did you mean 'good'"),
        ({"good": 1.5}, "the rate of 'good' is 1.5"),
        ({"good": 0.8, "bad": 0.8}, "they sum to 1.6"),
        ({"good": 0.2, "bad": 0.2}, "they sum to 0.4"),
    ],
)
def test_wrong_class_rates_are_one_line(rates, told):
    with pytest.raises(LimbeckError, match=told):
        rates_of(parse_recipe(recipe(relevance={"class_rates": rates})), ("bad", "good"))
