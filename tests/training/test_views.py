"""Changed views of rows: the same for the same seed and epoch, never in the way of the plain row, and worth having."""

import numpy as np
import polars as pl
import pytest
import torch

import limbeck
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.select import batch_of, encode
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.table.epoch import disturbed
from limbeck.kinds.text.encode import TextInput
from limbeck.recipe import Input, parse_recipe
from limbeck.training.export.bundle_parts import seen_rows
from limbeck.training.fit.batches import given
from limbeck.training.fit.views import check_views, viewed_rows
from limbeck.training.student import train_student
from small import TINY, reviews, tiny_recipe, write_csv

TEXTS = [row["text"] for row in reviews(40)]
BOTH = {"losses": {"hard": 1.0, "consistency": 1.0}}
CHANGES = {"delete": 0.2, "swap": 0.1}


def viewed(network="gru", **augment):
    recipe = tiny_recipe(network, objective=BOTH, training={"augment": CHANGES | augment})
    encoder = TextInput.fit(recipe.input, TEXTS)
    return encoder, *viewed_rows(recipe, encoder, TEXTS, np.arange(len(TEXTS)), [])


def same(first, second):
    return np.array_equal(first.values, second.values) and np.array_equal(first.offsets, second.offsets)


@pytest.mark.parametrize("network", ["gru", "ngram"])
def test_the_plain_rows_stay_and_views_differ_by_epoch_and_are_made_again_alike(network):
    encoder, rows, labels = viewed(network)
    again = viewed(network)[1]
    plain = encoder.encode(TEXTS)
    for epoch in (0, 1, 5):
        assert same(rows(epoch), plain)
        assert not same(rows(epoch).view, plain)
        assert same(rows(epoch).view, again(epoch).view)
    assert not same(rows(0).view, rows(1).view)
    assert np.array_equal(labels, np.arange(len(TEXTS)))


def test_copies_repeat_the_row_and_not_its_view():
    encoder, rows, labels = viewed(copies=3)
    made = rows(0)
    assert np.array_equal(labels, np.tile(np.arange(len(TEXTS)), 3))
    assert all(np.array_equal(made.row(at), made.row(at + 80)) for at in range(40))
    assert any(not np.array_equal(made.view.row(at), made.view.row(at + 40)) for at in range(40))
    part = np.array([2, 41])
    batch = batch_of(encoder, made, part)
    lengths = [len(made.view.row(row)) for row in part]
    assert batch["view_lengths"].tolist() == lengths
    assert np.array_equal(batch["view_ids"][0, : lengths[0]], made.view.row(2))


def test_the_view_of_a_wide_student_keeps_its_rows_offset():
    arrays = {name: torch.rand(2, 3) for name in ("ids", "lengths", "offset", "view_ids", "view_lengths")}
    made = given(arrays, torch.zeros(2), ("ids", "lengths", "offset"))
    assert list(made["view"]) == ["ids", "lengths", "offset"]
    assert made["view"]["ids"] is arrays["view_ids"]
    assert made["view"]["offset"] is arrays["offset"]
    assert given({"ids": arrays["ids"]}, torch.zeros(2), ("ids",))["view"] is None


def table(count, seed=0):
    random = np.random.default_rng(seed)
    label = np.arange(count) % 2
    columns = {f"x{at}": np.round(random.normal(size=count) + label, 3) for at in range(6)}
    columns["x0"][::4] = np.nan
    return pl.DataFrame({**columns, "kind": random.choice(list("abc"), count), "label": label}).fill_nan(None)


def test_cells_of_a_table_are_disturbed_by_the_seed_and_the_epoch():
    frame = table(300).drop("label")
    plain = TableInput.fit(Input(encoder="table"), frame).encode(frame)
    view = disturbed(plain, 0, 1).view
    gone = (view.missing > plain.missing).mean() / (1 - plain.missing.mean())
    assert gone == pytest.approx(0.1, abs=0.03)
    assert (view.missing >= plain.missing).all()
    assert not view.numbers[view.missing > 0].any()
    moved = (view.numbers - plain.numbers)[view.missing == 0]
    assert moved.std() == pytest.approx(0.1, rel=0.1)
    assert set(np.unique(view.categories[view.categories != plain.categories])) == {0}
    assert np.array_equal(disturbed(plain, 0, 1).view.numbers, view.numbers)
    assert not np.array_equal(disturbed(plain, 0, 2).view.numbers, view.numbers)
    batch = disturbed(plain, 0, 1).pad(np.arange(3))
    assert {"numbers", "view_numbers", "view_missing", "view_categories"} <= set(batch)


TABLE = {
    "task": {"kind": "table", "input": [*(f"x{at}" for at in range(6)), "kind"], "classes": {"0": "no", "1": "yes"}},
    "data": {"train": "rows.csv", "duplicates": "keep", "leakage": "warn"},
    "student": {"network": "mlp", "hidden": 16},
    "training": {"epochs": 15, "patience": 15, "batch_size": 32, "learning_rate": 0.01, "metric": "loss"},
    "evaluation": {"bootstrap": 0, "baseline": False},
    "export": {"int8": "never"},
}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (tiny_recipe("gru", objective=BOTH), r"\[training.augment\] changes nothing; set one of its rates"),
        (
            tiny_recipe(objective=BOTH, training={"optimizer": "lbfgs", "augment": CHANGES}),
            "moves the optimum that 'lbfgs' seeks; set training.optimizer = 'adamw'",
        ),
        (
            parse_recipe(TABLE | {"objective": BOTH, "training": {"augment": CHANGES}}),
            "only texts can be augmented by words; leave",
        ),
    ],
)
def test_what_cannot_be_changed_is_one_line(recipe, message):
    with pytest.raises(LimbeckError, match=message) as error:
        check_views(recipe)
    assert "\n" not in str(error.value)


def test_consistency_alone_is_no_classifier(rows_folder, tmp_path):
    recipe = tiny_recipe("gru", objective={"losses": {"consistency": 1.0}}, training={"augment": CHANGES})
    with pytest.raises(LimbeckError, match="'consistency' alone: nothing here tells the classes apart; add hard"):
        limbeck.train(recipe, data=rows_folder, out=tmp_path / "out")


PAIRS = {
    "1": ["fine lovely", "great superb", "happy glad", "fast swift", "fresh crisp"],
    "0": ["poor lousy", "awful dreadful", "angry cross", "late tardy", "stale mouldy"],
}
THINGS = "parcel seller phone yesterday friend box morning shop street week".split()  # noqa: SIM905


def remarks(count, seed, share):
    """Return labels and texts of two telling words among four others; a share of the former are the rarer synonym."""
    random = np.random.default_rng(seed)
    labels = [str(number % 2) for number in range(count)]
    texts = []
    for label in labels:
        telling = [pair.split()[int(random.random() < share)] for pair in random.choice(PAIRS[label], 2)]
        texts.append(" ".join(random.permutation([*telling, *random.choice(THINGS, 4)])))
    return labels, texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Labelled rows know one word of each pair, unlabelled ones both."""
    place = tmp_path_factory.mktemp("remarks")
    rows = []
    for part, count, seed in (("train", 60, 0), ("valid", 40, 1), ("test", 100, 2)):
        labelled = zip(*remarks(count, seed, 0.0), strict=True)
        rows += [{"text": text, "label": label, "split": part} for label, text in labelled]
    write_csv(place / "reviews.csv", rows)
    write_csv(place / "more.csv", [{"text": text} for text in remarks(300, 3, 0.5)[1]])
    (place / "synonyms.txt").write_text("\n".join([*PAIRS["0"], *PAIRS["1"]]), "utf-8")
    return place


def remarked(weight, network="textcnn", **training):
    changes = {"synonyms": 0.5, "synonym_file": "synonyms.txt"}
    return tiny_recipe(
        network, data={"unlabelled": ["more.csv"], "duplicates": "keep", "leakage": "warn"},
        objective={"losses": {"hard": 1.0, "consistency": weight}},
        training={"augment": changes, "epochs": 8, "patience": 8, "metric": "loss"} | training,
    )  # fmt: skip


def disagreement(student, first, second):
    """Mean divergence between the answers to two views of rows."""
    p, q = student.probabilities(first), student.probabilities(second)
    return float((p * np.log(np.maximum(p, 1e-9) / np.maximum(q, 1e-9))).sum(axis=1).mean())


def test_texts_held_out_are_answered_more_alike_and_better_thanks_to_rows_without_a_label(folder):
    labels, texts = remarks(400, 9, 0.0)
    other = dict(pair.split() for pairs in PAIRS.values() for pair in pairs)
    changed = [" ".join(other.get(word, word) for word in text.split()) for text in texts]
    apart, right = {}, {}
    for weight in (0.0, 1.0):
        recipe = remarked(weight)
        student = train_student(recipe, prepare(recipe, folder), folders=[folder])
        student.temperature = 1.0
        plain, moved = (encode(student.encoder, given) for given in (texts, changed))
        apart[weight] = disagreement(student, plain, moved)
        right[weight] = (student.probabilities(moved).argmax(axis=1) == np.array(labels, dtype=int)).mean()
    assert apart[1.0] < 0.5 * apart[0.0], apart
    assert right[1.0] > right[0.0] + 0.1, right


def test_rows_without_a_label_are_among_those_seen_and_only_with_such_a_loss(folder):
    recipe = remarked(1.0)
    assert _rows_seen(recipe, folder) == 360
    assert _rows_seen(recipe.model_copy(update={"objective": tiny_recipe().objective}), folder) == 60


def _rows_seen(recipe, folder):
    data = prepare(recipe, folder)
    return len(seen_rows(recipe, data)) - len(data.part("valid"))


def test_rows_of_a_table_held_out_are_answered_more_alike(tmp_path):
    table(300).write_csv(tmp_path / "rows.csv")
    held, apart = table(200, seed=1).drop("label"), {}
    for weight in (0.0, 3.0):
        recipe = parse_recipe(TABLE | {"objective": {"losses": {"hard": 1.0, "consistency": weight}}})
        student = train_student(recipe, prepare(recipe, tmp_path), folders=[tmp_path])
        student.temperature = 1.0
        rows = disturbed(encode(student.encoder, held), 7, 7)
        apart[weight] = disagreement(student, rows, rows.view)
    assert apart[3.0] < 0.8 * apart[0.0], apart


def test_a_wide_student_trains_with_views(rows_folder, tmp_path):
    wide = {**TINY["gru"]["input"], "wide": True, "ngrams": [1, 2], "buckets": 512}
    recipe = tiny_recipe("gru", input=wide, objective=BOTH, training={"augment": CHANGES | {"copies": 2}, "epochs": 1})
    assert limbeck.train(recipe, data=rows_folder, out=tmp_path / "wide").metrics["accuracy"] > 0.8
