"""A row's answer never depends on the other rows of its batch, and a student's own options and starts are checked."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.kinds.text.encode import TextInput
from limbeck.networks import NETWORKS
from limbeck.networks.base import AttentionPool
from limbeck.recipe import Input
from small import TINY, reviews

TEXTS = [row["text"] for row in reviews(80)]


def made(network, classes=2, seed=0, **options):
    """Return a tiny network whose weights say something, and its input."""
    torch.manual_seed(seed)
    encoder = TextInput.fit(Input.model_validate(TINY[network]["input"]), TEXTS)
    raw = {key: value for key, value in TINY[network]["student"].items() if key != "network"} | options
    kind = NETWORKS[network]
    student = kind(kind.parse(raw), encoder, classes)
    if network == "ngram":
        nn.init.normal_(student.table.weight)
        student.fit_start(encoder.encode(TEXTS))
    return student.eval(), encoder


def answers(student, encoder, texts, widen=0):
    rows = encoder.encode(texts)
    arrays = encoder.batch(rows, np.arange(len(texts)))
    tensors = [torch.from_numpy(arrays[name]) for name in student.arrays]
    wide = [nn.functional.pad(t, (0, widen), value=encoder.pad if t.dtype == torch.int64 else 0) if t.ndim == 2 else t
            for t in tensors]  # fmt: skip
    with torch.no_grad():
        return student(*wide).numpy()


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("ngram", {}), ("ngram", {"hidden": 8}), ("gru", {}), ("gru", {"layers": 2}), ("textcnn", {}),
        ("textcnn", {"widths": [4, 5]}), ("albert", {}), ("albert", {"pooling": "mean"}),
        ("albert", {"pooling": "attention"}),
    ],
)  # fmt: skip
def test_a_row_gets_the_same_answer_alone_and_padded_in_any_batch(network, options):
    student, encoder = made(network, 3, **options)
    random = np.random.default_rng(0)
    texts = [*TEXTS[:20], "", "好", "好" * 300]
    alone = np.concatenate([answers(student, encoder, [text]) for text in texts])
    assert np.ptp(alone, axis=0).max() > 1e-3  # the rows do differ
    for widen in (0, 1, 7):
        chosen = random.permutation(len(texts))[:12]
        together = answers(student, encoder, [texts[row] for row in chosen], widen)
        np.testing.assert_allclose(together, alone[chosen], atol=2e-6)


@pytest.mark.parametrize("network", TINY)
def test_the_answer_is_the_head_over_the_features(network):
    student, encoder = made(network, 3)
    arrays = encoder.batch(encoder.encode(TEXTS[:4]), np.arange(4))
    tensors = [torch.from_numpy(arrays[name]) for name in student.arrays]
    with torch.no_grad():
        assert torch.equal(student.head(student.features(*tensors)), student(*tensors))
        assert student(*tensors).shape == (4, 3)


@pytest.mark.parametrize(
    ("network", "key", "line"),
    [
        ("gru", "hiden", "unknown key 'student.hiden'; did you mean 'hidden'"),
        ("ngram", "embeding", "unknown key 'student.embeding'"),
        ("textcnn", "filter", "did you mean 'filters'"),
        ("albert", "poling", "did you mean 'pooling'"),
    ],
)
def test_an_unknown_option_names_the_nearest(network, key, line):
    with pytest.raises(LimbeckError, match=line):
        NETWORKS[network].parse({key: 3})


@pytest.mark.parametrize(
    ("network", "option", "line"),
    [
        ("gru", {"hidden": "many"}, r"student\.hidden: .*integer.*given: 'many'"),
        ("gru", {"dropout": 1.0}, r"student\.dropout: .*less than 1"),
        ("albert", {"pooling": "max"}, r"student\.pooling: .*'first'"),
    ],
)
def test_a_wrong_option_is_one_line_with_its_key_and_value(network, option, line):
    with pytest.raises(LimbeckError, match=line) as caught:
        NETWORKS[network].parse(option)
    assert "\n" not in str(caught.value)


def test_heads_must_share_the_width():
    with pytest.raises(LimbeckError, match=r"student\.hidden = 24 cannot be shared by student\.heads = 5"):
        made("albert", heads=5)


def test_attention_pooling_is_a_weighted_mean_of_real_places_only():
    torch.manual_seed(0)
    pool, states = AttentionPool(4), torch.randn(2, 5, 4)
    mask = torch.tensor([[True, True, True, False, False], [True, False, False, False, False]])
    scores = pool.query(torch.tanh(pool.project(states[0, :3]))).squeeze(-1)
    expected = (torch.softmax(scores, 0)[:, None] * states[0, :3]).sum(0)
    pooled = pool(states, mask)
    torch.testing.assert_close(pooled[0], expected)
    torch.testing.assert_close(pooled[1], states[1, 0])


def test_mean_and_first_pooling_of_albert_are_what_they_say():
    for pooling in ("mean", "first"):
        student, encoder = made("albert", pooling=pooling)
        batch = encoder.batch(encoder.encode(TEXTS[:3]), np.arange(3))
        ids, lengths = torch.from_numpy(batch["ids"]), torch.from_numpy(batch["lengths"])
        with torch.no_grad():
            states, mask = student.tokens(ids, lengths)
            assert mask.sum(dim=1).tolist() == lengths.tolist()
            pooled = student.features(ids, lengths)
            means = torch.stack([row[:length].mean(0) for row, length in zip(states, lengths, strict=True)])
            first = torch.tanh(student.albert.pooler(states[:, 0]))
        torch.testing.assert_close(pooled, means if pooling == "mean" else first)


def test_folding_keeps_the_answers_of_ngrams_and_happens_once():
    student, encoder = made("ngram", idf=1.0)
    before = answers(student, encoder, TEXTS)
    assert student.scale.std() > 0
    student.fold()
    np.testing.assert_allclose(answers(student, encoder, TEXTS), before, atol=1e-5)
    student.fold()
    np.testing.assert_allclose(answers(student, encoder, TEXTS), before, atol=1e-5)
    assert "scale" not in student.state_dict()


def test_the_idf_of_ngrams_is_scikit_learns():
    from sklearn.feature_extraction.text import TfidfTransformer

    student, encoder = made("ngram", idf=1.0)
    rows = encoder.encode(TEXTS)
    counts = np.zeros((len(rows), encoder.size))
    for number in range(len(rows)):
        counts[number, rows.row(number)] = 1
    idf = TfidfTransformer(smooth_idf=True).fit(counts).idf_
    ratio = student.scale.numpy() / idf
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)  # the same but for one factor


def write_vectors(folder, width=12, dtype=np.float32, name="v.npz", vocabulary="v_vocab.json"):
    tokens = sorted(set("".join(TEXTS)))[:60]
    vectors = np.random.default_rng(0).normal(size=(len(tokens), width)).astype(dtype)
    np.savez(folder / name, embeddings=vectors)
    (folder / vocabulary).write_text(json.dumps({token: at for at, token in enumerate(tokens)}), encoding="utf-8")
    return folder / name, tokens, vectors.astype(np.float64)


@pytest.mark.parametrize("network", ["gru", "textcnn"])
@pytest.mark.parametrize("width", [8, 16, 40])
def test_known_characters_start_from_their_vectors_in_a_table_of_any_width(tmp_path, network, width):
    path, tokens, vectors = write_vectors(tmp_path, 16, np.float16, "zh_16d_f16.npz", "zh_vocab.json")
    torch.manual_seed(0)
    encoder = TextInput.fit(Input.model_validate(TINY["gru"]["input"]), TEXTS)
    kind = NETWORKS[network]
    student = kind(kind.parse({"embedding": width}), encoder, 2)
    fresh = student.embedding.table.weight.detach().numpy().copy()
    line = student.load_start(str(path), encoder)
    table = student.embedding.table.weight.detach().numpy()
    known = [row for row, token in enumerate(encoder.tokens) if token in tokens]
    assert line == f"{len(known):,} of {encoder.size - 5:,} tokens start from the vectors of zh_16d_f16.npz"
    wanted = vectors[[tokens.index(encoder.tokens[row]) for row in known]]
    others = [row for row in range(encoder.size) if row not in known]
    assert np.array_equal(table[others], fresh[others])
    assert table[known].std() == pytest.approx(0.1, rel=1e-3)
    if width >= 16:
        factor = 0.1 / np.pad(wanted, ((0, 0), (0, width - 16))).std()
        np.testing.assert_allclose(table[known][:, :16], wanted * factor, rtol=1e-3, atol=1e-6)
        assert not table[known][:, 16:].any()
    else:  # the leading principal components: no linear map to as many numbers keeps more
        centred = wanted - wanted.mean(axis=0)
        kept = (np.linalg.svd(centred, compute_uv=False)[:width] ** 2).sum() / (centred**2).sum()
        basis, *_ = np.linalg.lstsq(table[known], centred, rcond=None)
        explained = 1 - ((centred - table[known] @ basis) ** 2).sum() / (centred**2).sum()
        assert explained == pytest.approx(kept, abs=1e-4)


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        ("no vocabulary", "no vocabulary beside them"),
        ("truncated", "cannot be read"),
        ("vocabulary too long", "do not fit"),
        ("vocabulary a list", "cannot be read"),
        ("strangers", "no token of the vocabulary"),
        ("pickle", "cannot be read"),
    ],
)
def test_broken_vectors_are_one_clear_line(tmp_path, damage, line):
    path, tokens, _ = write_vectors(tmp_path)
    vocabulary = tmp_path / "v_vocab.json"
    if damage == "no vocabulary":
        vocabulary.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "vocabulary too long":
        vocabulary.write_text(json.dumps({token: at + 5 for at, token in enumerate(tokens)}), "utf-8")
    elif damage == "vocabulary a list":
        vocabulary.write_text("[1]", "utf-8")
    elif damage == "strangers":
        vocabulary.write_text('{"xyz": 0}', "utf-8")
    else:
        np.savez(path, embeddings=np.array([{}], dtype=object))
    student, encoder = made("gru")
    with pytest.raises(LimbeckError, match=line) as caught:
        student.load_start(str(path), encoder)
    assert "\n" not in str(caught.value)


def test_a_network_that_takes_no_start_says_so(tmp_path):
    student, encoder = made("ngram")
    with pytest.raises(LimbeckError, match="'ngram' cannot start from weights"):
        student.load_start("somewhere", encoder)


@pytest.mark.parametrize("network", TINY)
def test_every_weight_is_trained_once_and_tables_and_biases_do_not_decay(network):
    student, _ = made(network, 3)
    groups = student.groups(1e-3, 0.5)
    ids = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(ids) == sorted(id(weight) for weight in student.parameters())
    for group in groups:
        for weight in group["params"]:
            assert isinstance(weight, Tensor)
            assert weight.ndim >= 2 or group["weight_decay"] == 0
