"""A published ALBERT keeps its answers here: same tokens, same mask, same logits as transformers' own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AlbertConfig, AlbertForSequenceClassification, BertTokenizer

from limbeck.errors import LimbeckError
from limbeck.networks import NETWORKS
from limbeck.recipe import Input
from limbeck.training.pretrained_tokenizer import pretrained_input, save_pretrained
from small import reviews

TEXTS = [row["text"] for row in reviews(12)]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(TEXTS)))]


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """A directory as the Chinese ALBERT models are published: weights, config.json, BERT's vocab.txt."""
    folder = tmp_path_factory.mktemp("albert_zh")
    torch.manual_seed(1)
    sizes = {"embedding_size": 16, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = AlbertConfig(
        vocab_size=len(TOKENS), intermediate_size=32, max_position_embeddings=40, num_labels=3, pad_token_id=0, **sizes
    )
    model = AlbertForSequenceClassification(config)
    for weight in model.parameters():  # far from the tiny start, so that a wrong mask would show
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


def settings(**more):
    return Input.model_validate({"encoder": "wordpiece", "max_length": 32, **more})


def start(folder, classes=3, **options):
    encoder = pretrained_input(settings(), str(folder), TEXTS)
    kind = NETWORKS["albert"]
    student = kind(kind.parse(options), encoder, classes)
    line = student.load_start(str(folder), encoder)
    return student.eval(), encoder, line


def logits(student, encoder, texts):
    batch = encoder.batch(encoder.encode(texts), np.arange(len(texts)))
    with torch.no_grad():
        return student(torch.from_numpy(batch["ids"]), torch.from_numpy(batch["lengths"]))


def test_it_answers_as_transformers_does_padded_and_cut(published):
    student, encoder, line = start(published)
    assert "started from" in line
    tokenizer = BertTokenizer(vocab={token: at for at, token in enumerate(TOKENS)})
    texts = [*TEXTS, "", "好" * 100, "龘"]
    given = tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
    model = AlbertForSequenceClassification.from_pretrained(published).eval()
    with torch.no_grad():
        expected = model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits
    batch = encoder.batch(encoder.encode(texts), np.arange(len(texts)))
    assert batch["ids"].tolist() == given["input_ids"].tolist()
    assert batch["lengths"].tolist() == given["attention_mask"].sum(dim=1).tolist()
    torch.testing.assert_close(logits(student, encoder, texts), expected, atol=1e-4, rtol=1e-4)


def test_a_head_for_other_classes_starts_anew_and_the_trunk_is_kept(published):
    student, encoder, _ = start(published, classes=2)
    assert logits(student, encoder, TEXTS).shape == (12, 2)
    whole = AlbertForSequenceClassification.from_pretrained(published)
    for name, weight in whole.albert.state_dict().items():
        assert torch.equal(weight, student.albert.state_dict()[name]), name


def test_what_we_save_transformers_reads_with_the_same_tokens_and_states(published, tmp_path):
    student, encoder, _ = start(published, pooling="mean")
    save_pretrained(student, encoder, tmp_path)
    again, read, _ = start(tmp_path, pooling="mean")
    again.head.load_state_dict(student.head.state_dict())
    assert read.encode(TEXTS).values.tolist() == encoder.encode(TEXTS).values.tolist()
    assert torch.equal(logits(again, read, TEXTS), logits(student, encoder, TEXTS))


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        ("nothing there", "no tokenizer can be loaded"),
        ("truncated weights", "no ALBERT can be loaded"),
        ("config no json", "no ALBERT can be loaded"),
        ("vocabulary longer than the model", "the tokenizer has .* tokens, the model only"),
        ("model shorter than the texts", "input.max_length is 64, the model ends at 40"),
    ],
)
def test_a_broken_start_is_one_clear_line(published, tmp_path, damage, line):
    for file in published.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    length = 32
    if damage == "nothing there":
        for file in tmp_path.iterdir():
            file.unlink()
    elif damage == "truncated weights":
        weights = tmp_path / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:2000])
    elif damage == "config no json":
        (tmp_path / "config.json").write_text("{", encoding="utf-8")
    elif damage.startswith("vocabulary"):
        (tmp_path / "vocab.txt").write_text("\n".join([*TOKENS, "龘", "靐"]), encoding="utf-8")
    else:
        length = 64
    with pytest.raises(LimbeckError, match=line) as caught:
        encoder = pretrained_input(settings(max_length=length), str(tmp_path), TEXTS)
        kind = NETWORKS["albert"]
        kind(kind.parse({}), encoder, 3).load_start(str(tmp_path), encoder)
    assert "\n" not in str(caught.value)


def test_a_directory_with_a_fast_tokenizer_is_read_through_it(published, tmp_path):
    student, encoder, _ = start(published)
    save_pretrained(student, encoder, tmp_path)
    (tmp_path / "vocab.txt").write_text("wrong\n", encoding="utf-8")
    assert "tokenizer" in json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))["tokenizer_class"].lower()
    assert pretrained_input(settings(), str(tmp_path), TEXTS).size == len(TOKENS)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (TOKENS[:5], "there is no tokenizer in it"),
        ([*TOKENS[:5], *(chr(0x9E00 + number) for number in range(len(TOKENS) - 5))], "knows no word of 12 texts"),
        (TOKENS[: len(TOKENS) // 2 - 5], "the tokenizer has only .* tokens, the model"),
        ([*TOKENS, "多", "余"], "the tokenizer has .* tokens, the model only"),
    ],
    ids=["none", "of another language", "shorter", "longer"],
)
def test_a_start_with_a_tokenizer_that_is_not_its_own_is_refused(published, tmp_path, tokens, said):
    folder = Path(shutil.copytree(published, tmp_path / "start"))
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(tokens)) + "\n", encoding="utf-8")
    with pytest.raises(LimbeckError, match=said):
        start(folder)


def test_a_start_without_the_files_of_its_tokenizer_is_refused(published, tmp_path):
    folder = Path(shutil.copytree(published, tmp_path / "start"))
    (folder / "vocab.txt").unlink()
    with pytest.raises(LimbeckError, match="no tokenizer"):
        start(folder)


def test_a_start_is_opened_in_silence_and_transformers_is_left_as_it_was(published, capfd):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    start(published)
    assert "".join(capfd.readouterr()) == ""
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
