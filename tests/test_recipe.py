"""A recipe says what it means or is refused with the key, the value and the nearest key."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.errors import LimbeckError
from limbeck.recipe import Decay, Ramp, Student, dump_recipe, load_recipe, override, parse_recipe

BASE = """
[task]
kind = "text"
[data]
train = "a.csv"
[student]
network = "ngram"
"""
RECIPES = Path(__file__).parents[1] / "recipes"


def load(tmp_path, text, *wishes):
    (tmp_path / "r.toml").write_text(text, encoding="utf-8")
    return load_recipe(tmp_path / "r.toml", wishes)


def refused(tmp_path, text, line, *wishes):
    with pytest.raises(LimbeckError, match=line) as caught:
        load(tmp_path, text, *wishes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("trianing.epochs=3", r"unknown key 'trianing'; did you mean 'training'"),
        ("training.epoch=3", r"unknown key 'training\.epoch'; did you mean 'epochs'"),
        ("training.augment.delet=0.1", r"unknown key 'training\.augment\.delet'; did you mean 'delete'"),
        ("input.clean.lowercas=true", r"unknown key 'input\.clean\.lowercas'; did you mean 'lowercase'"),
        ("objective.temperature.flor=1", r"unknown key 'objective\.temperature\.flor'; did you mean 'floor'"),
        ("data.split={vald = 0.1}", r"unknown key 'data\.split\.vald'; did you mean 'valid'"),
        ("objective.losses={hard = {bse = 1.0}}", r"unknown key 'objective\.losses\.hard\.bse'; did you mean 'base'"),
        ('student.init={pth = "x"}', r"unknown key 'student\.init\.pth'; did you mean 'path'"),
        ("task.clases=['a']", r"unknown key 'task\.clases'; did you mean 'classes'"),
    ],
)
def test_an_unknown_key_at_any_level_names_the_nearest(tmp_path, key, line):
    refused(tmp_path, BASE, line, key)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("training.epochs=many", r"training\.epochs: .*integer.*\(given: 'many'\)"),
        ("training.epochs=0", r"training\.epochs: .*greater than or equal to 1 \(given: 0\)"),
        ("training.epochs=2.5", r"training\.epochs: .*2\.5"),
        ("training.optimizer=sgd", r"training\.optimizer: .*'adamw'.*\(given: 'sgd'\)"),
        ("student.spectrum=true", r"student\.spectrum is for task\.kind = 'image'"),
        ("student.spectrum={}", r"student\.spectrum is for task\.kind = 'image'"),
        ("training=3", r"training: .*\(given: 3\)"),
        ("student=gru", r"student"),
        ("input.ngrams=[3, 1]", r"input\.ngrams: give \[shortest, longest\]"),
        ("input.ngrams=[1]", r"input\.ngrams"),
        ("data.train=3", r"data\.train"),
        ("data.split={valid = 1.5}", r"data\.split"),
        ("evaluation.threshold=always", r"evaluation\.threshold"),
        ("objective.losses={hard = 'much'}", r"objective\.losses"),
        ("task.positive=best", r"task\.positive 'best' is no class"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_key(tmp_path, key, line):
    refused(tmp_path, BASE.replace("[data]", "classes = ['a', 'b']\n[data]"), line, key)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[task", "not valid TOML"),
        ("", r"the key 'task' is missing"),
        ("[task]\nkind = 'text'\n[student]\n[data]\ntrain = 'a'", r"the key 'student\.network' is missing; add it"),
        ("student = 'gru'", "task|student"),
        ("when = 3\n" + BASE, "'when' is no table of sections"),
        (BASE + "[when]\ngru = 3", r"'when\.gru' is no table of sections"),
        (BASE + "[when.gru]\ninput = 3", r"'when\.gru' is no table of sections"),
        (BASE + "[when.gru.trainig]\nepochs = 3", r"unknown key 'when\.gru\.trainig'; did you mean 'training'"),
        (BASE + "[when.ngram.training]\nepoch = 3", r"unknown key 'training\.epoch'; did you mean 'epochs'"),
    ],
)
def test_a_broken_recipe_is_one_line_with_its_file(tmp_path, text, line):
    refused(tmp_path, text, rf"r\.toml: .*({line})")


def test_a_missing_a_foreign_and_a_gb18030_file_are_named(tmp_path):
    with pytest.raises(LimbeckError, match=r"none\.toml: the recipe cannot be read; check the path"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(LimbeckError, match="cannot be read"):
        load_recipe(tmp_path)
    (tmp_path / "r.toml").write_bytes("# 评论".encode("gb18030"))
    with pytest.raises(LimbeckError, match="not UTF-8; save it as UTF-8"):
        load_recipe(tmp_path / "r.toml")
    (tmp_path / "r.toml").write_text("\ufeff" + BASE, encoding="utf-8")
    assert load_recipe(tmp_path / "r.toml").student.network == "ngram"


WHEN = (
    BASE
    + """
[training]
epochs = 5
batch_size = 7
[when.gru.training]
epochs = 9
[when.gru.input]
encoder = "characters"
clean = { urls = false }
[when.ngram.training]
epochs = 3
"""
)


def test_when_applies_to_its_network_alone_and_a_setting_by_hand_wins(tmp_path):
    plain = load(tmp_path, WHEN)
    assert (plain.training.epochs, plain.training.batch_size) == (3, 7)
    gru = load(tmp_path, WHEN, "student.network=gru")
    assert (gru.training.epochs, gru.training.batch_size, gru.input.encoder) == (9, 7, "characters")
    assert gru.input.clean.lowercase
    assert not gru.input.clean.urls
    assert load(tmp_path, WHEN, "training.epochs=2", "student.network=gru").training.epochs == 2
    assert load(tmp_path, WHEN, "student.network=albert").training.epochs == 5


def test_settings_are_toml_values_or_bare_words_and_the_last_wins(tmp_path):
    wishes = [
        "student.hidden=32", "data.train=b c.csv", "task.classes={ 0 = 'no', 1 = 'yes' }", "training.seed=1",
        "training.seed=2", "evaluation.baseline=false", 'data.where.domain=["a", "b"]', "task.label=y=1",
    ]  # fmt: skip
    found = load(tmp_path, BASE, *wishes)
    assert found.student.options == {"hidden": 32}
    assert found.data.train == "b c.csv"
    assert found.task.class_map == {"0": "no", "1": "yes"}
    assert found.training.seed == 2
    assert found.evaluation.baseline is False
    assert found.data.where == {"domain": ["a", "b"]}
    assert found.task.label == "y=1"


@pytest.mark.parametrize("setting", ["epochs", "=3", " =3", ""])
def test_what_is_no_setting_is_refused(tmp_path, setting):
    refused(tmp_path, BASE, "is no setting; write section.key=value", setting)


def test_a_setting_through_a_value_is_refused(tmp_path):
    refused(tmp_path, BASE, "goes through a value that is no table", "task.kind.more=3")
    refused(tmp_path, BASE, "the recipe|unknown key|Field|valid", "kind=3")


def test_a_recipe_is_frozen_and_overrides_are_checked():
    recipe = parse_recipe({"task": {"kind": "text"}, "data": {"train": "a"}, "student": {"network": "gru"}})
    with pytest.raises(Exception, match="frozen"):
        recipe.training.epochs = 3
    assert override(recipe, {"training.epochs": 7, "student.hidden": 4}).training.epochs == 7
    assert recipe.training.epochs == 10
    with pytest.raises(LimbeckError, match="unknown key"):
        override(recipe, {"training.epoch": 7})


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
NUMBER = st.floats(1e-12, 1e12, allow_nan=False)


OWN = TEXT.filter(lambda key: key not in Student.model_fields)


@settings(max_examples=60)
@given(
    name=TEXT, classes=st.dictionaries(TEXT, TEXT, max_size=3), where=st.dictionaries(TEXT, TEXT | st.lists(TEXT)),
    rate=NUMBER, options=st.dictionaries(OWN, st.integers(-9, 9) | NUMBER | st.booleans() | TEXT | st.lists(TEXT)),
    space=st.dictionaries(TEXT, st.lists(NUMBER, min_size=1, max_size=3)),
)  # fmt: skip
def test_a_dumped_recipe_reads_back_as_the_same(tmp_path_factory, name, classes, where, rate, options, space):
    recipe = parse_recipe({
        "task": {"kind": "text", "input": name, "classes": classes},
        "data": {"train": [name], "where": where},
        "student": {"network": "gru", **options},
        "objective": {"losses": {"hard": rate, "hinge": {"base": rate}}},
        "training": {"learning_rate": rate},
        "tune": {"space": space},
    })  # fmt: skip
    file = tmp_path_factory.getbasetemp() / "dumped.toml"
    file.write_bytes(dump_recipe(recipe).encode("utf-8"))
    assert load_recipe(file) == recipe


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_recipe_of_ours_is_valid_for_every_network_it_speaks_of(file):
    import tomllib

    from limbeck.networks import NETWORKS

    for name in {"", *tomllib.loads(file.read_text("utf-8")).get("when", {})}:
        key = "student.network" if name in NETWORKS else "data.layout"
        recipe = load_recipe(file, [f"{key}={name}"] if name else [])
        NETWORKS[recipe.student.network].parse(recipe.student.options)


def test_temperature_and_ramp_follow_their_formulas():
    falling = Decay(start=3.0, decay=0.5, every=2, floor=1.0)
    assert [falling.at(epoch) for epoch in range(6)] == [3.0, 3.0, 1.5, 1.5, 1.0, 1.0]
    rising = Ramp(base=2.0, start=0.1, step=0.1, limit=0.25)
    assert [rising.at(epoch) for epoch in (0, 1, 2, 9)] == [0.2, 0.4, 0.5, 0.5]


def test_the_wechat_layout_is_one_setting_of_the_fake_news_recipe():
    recipe = load_recipe(RECIPES / "fake-news.toml", ["data.layout=wechat"])
    assert recipe.data.train == "train.csv"
    assert not isinstance(recipe.data.split, str)


def a_recipe(kind, **sections):
    raw = {"task": {"kind": kind}, "data": {"train": "rows"}, "student": {"network": "gru"}}
    return {**raw, **{name: {**raw.get(name, {}), **values} for name, values in sections.items()}}


@pytest.mark.parametrize(
    ("kind", "section", "values", "line"),
    [
        ("text", "input", {"size": 32}, "input.size is for task.kind = 'image', and here it is 'text': remove size"),
        ("text", "input", {"signal": {"rate": 250}}, "input.signal is for task.kind = 'signal'"),
        ("signal", "input", {"margin": 0.2}, "input.margin is for task.kind = 'image', and here it is 'signal'"),
        ("image", "input", {"max_length": 99}, "input.max_length is for task.kind = 'text'"),
        ("table", "input", {"clean": {"urls": False}}, "input.clean is for task.kind = 'text'"),
        ("anomaly-image", "input", {"categories": 9}, "input.categories is for task.kind = 'table'"),
        ("text", "anomaly", {"false_alarms": 0.1}, "anomaly.false_alarms is for task.kind = 'anomaly-table' or"),
        ("image", "task", {"normal": "ok"}, "task.normal is for task.kind = 'anomaly-table' or 'anomaly-image'"),
        ("anomaly-table", "task", {"mask": "m"}, "task.mask is for task.kind = 'anomaly-image'"),
        ("table", "evaluation", {"adversary": {}}, "evaluation.adversary is for task.kind = 'image'"),
        ("image", "student", {"wide": {"idf": 1.0}}, "student.wide is for task.kind = 'text'"),
    ],
)
def test_a_key_that_this_kind_of_task_never_reads_is_refused(kind, section, values, line):
    with pytest.raises(LimbeckError, match=re.escape(line)) as raised:
        parse_recipe(a_recipe(kind, **{section: values}))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", ["text", "table", "image", "signal", "anomaly-image", "anomaly-table"])
def test_a_recipe_that_writes_out_every_default_is_read(kind):
    recipe = parse_recipe(a_recipe(kind))
    assert parse_recipe(tomllib.loads(dump_recipe(recipe))) == recipe
