"""A student that has read the domain's texts becomes the start of another recipe's student."""

import pytest

import limbeck
from limbeck.errors import LimbeckError
from small import TINY, reviews, tiny_recipe, write_csv, write_recipe

READ = {"objective": {"losses": {"masked-words": 1.0}}, "training": {"metric": "loss", "epochs": 2, "patience": 2}}


@pytest.fixture(scope="module")
def start(rows_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("starts") / "albert"
    write_csv(rows_folder / "more.csv", [{"text": row["text"]} for row in reviews(100, seed=8)])
    recipe = tiny_recipe("albert", **READ, data={"unlabelled": ["more.csv"]})
    made = limbeck.train(recipe, data=rows_folder, out=out)
    assert (made.bundle, made.metrics) == (out, {})
    return out


def test_it_writes_a_directory_that_transformers_reads(start):
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(start), AutoTokenizer.from_pretrained(start)
    assert model.config.hidden_size == TINY["albert"]["student"]["hidden"]
    ids = tokenizer("物流很快")["input_ids"]
    assert tokenizer.convert_ids_to_tokens([ids[0], ids[-1]]) == ["[CLS]", "[SEP]"]
    assert tokenizer.mask_token == "[MASK]"


def test_a_second_recipe_starts_from_it_beside_the_data_or_by_its_path(start, rows_folder, tmp_path, capsys):
    fine = tiny_recipe("albert", student={"init": str(start)})
    bundle = limbeck.train(fine, data=rows_folder, out=tmp_path / "fine").bundle
    assert f"started from {start}" in capsys.readouterr().err
    assert (bundle / "tokenizer.json").exists()
    with limbeck.load(bundle) as classifier:
        assert classifier.predict_proba(["好"]).shape == (1, 2)
    named = write_recipe(start.parent / "fine.toml", tiny_recipe("albert", student={"init": "albert"}))
    again = limbeck.train(named, data=rows_folder, out=tmp_path / "again").bundle
    assert (again / "weights.safetensors").read_bytes() == (bundle / "weights.safetensors").read_bytes()


def test_test_rows_are_never_read(rows_folder, start, tmp_path):
    from transformers import AutoTokenizer

    rows = reviews(400)
    for row in rows:
        if row["split"] == "test":
            row["text"] = "龘" * 3 + row["text"]
    write_csv(tmp_path / "reviews.csv", rows)
    recipe = tiny_recipe("albert", **READ, input={"min_count": 1})
    out = limbeck.train(recipe, data=tmp_path, out=tmp_path / "out").bundle
    assert "龘" not in AutoTokenizer.from_pretrained(out).get_vocab()


def test_an_absent_start_is_skipped_only_when_it_is_optional(rows_folder, tmp_path, capsys):
    optional = tiny_recipe("gru", student={"init": {"path": "none.npz", "optional": True}})
    limbeck.train(optional, data=rows_folder, out=tmp_path / "out")
    assert "none.npz is not there; the student starts at random" in capsys.readouterr().err
    with pytest.raises(LimbeckError, match=r"none\.npz: the start of the student is missing; check student\.init"):
        limbeck.train(tiny_recipe("gru", student={"init": "none.npz"}), data=rows_folder, out=tmp_path / "out2")


def test_a_metric_that_needs_labels_is_refused(rows_folder, tmp_path):
    recipe = tiny_recipe("albert", objective=READ["objective"])
    with pytest.raises(LimbeckError, match=r"needs labels.*set training\.metric = 'loss'"):
        limbeck.train(recipe, data=rows_folder, out=tmp_path / "out")
