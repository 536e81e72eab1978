"""An exported model answers like the trained one for any batch and length, or there is no bundle."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from safetensors.torch import load_file
from torch import nn

import limbeck
from limbeck.bundle.session import open_trusted
from limbeck.errors import LimbeckError
from limbeck.kinds.text.encode import TextInput
from limbeck.networks import NETWORKS, Network
from limbeck.recipe import Input
from limbeck.training.export import int8
from limbeck.training.export.bundle_parts import save_weights
from limbeck.training.export.gate import export, halve, logits_of, round_to_half
from small import TINY, reviews, tiny_recipe

TEXTS = [row["text"] for row in reviews(150, seed=2)]


def made(network, kind=None, **options):
    torch.manual_seed(0)
    encoder = TextInput.fit(Input.model_validate(TINY[network]["input"]), TEXTS)
    kind = kind or NETWORKS[network]
    raw = {key: value for key, value in TINY[network]["student"].items() if key != "network"} | options
    student = kind(kind.parse(raw), encoder, 2)
    if network == "ngram":
        nn.init.normal_(student.table.weight)
    return student.eval(), encoder


def pass_gate(student, encoder, folder, texts=TEXTS, int8="never", temperature=1.0):
    rows = encoder.encode(texts)
    return export(student, encoder, rows, folder, temperature=temperature, threshold=0.5, positive=1, int8=int8)


@pytest.mark.parametrize("network", ["ngram", "gru", "textcnn", "albert"])
def test_the_graph_takes_any_batch_and_any_length(network, tmp_path):
    student, encoder = made(network)
    gate = pass_gate(student, encoder, tmp_path, temperature=2.5)
    assert gate.largest_difference <= 1e-4
    assert (gate.rows, gate.flipped, gate.serve) == (150, 0, "model.onnx")
    session = open_trusted(tmp_path / "model.onnx")
    for texts in ([""], ["好"], ["物流很快" * 50, "好"], TEXTS[:33], ["", ""]):
        rows = encoder.encode(texts)
        feed = encoder.batch(rows, np.arange(len(texts)))
        found = session.run(None, {name: feed[name] for name in student.arrays})[0]
        logits = torch.from_numpy(logits_of(student, encoder, rows))
        np.testing.assert_allclose(found, torch.softmax(logits / 2.5, dim=1).numpy(), atol=1e-4)


class Moody(Network):
    """Takes another way for long batches, which a trace cannot see."""

    Options = NETWORKS["gru"].Options

    def __init__(self, options, encoder, classes):
        super().__init__(options, encoder, classes)
        self.table, self.head = nn.Embedding(encoder.size, 8), nn.Linear(8, classes)

    def features(self, ids, lengths):
        mean = self.table(ids).mean(dim=1) + lengths[:, None] / 1000
        return mean if ids.shape[1] > 20 else -5 * mean


class Broken(Moody):
    def features(self, ids, lengths):
        return self.table(ids).mean(dim=1) * torch.where(lengths < 9, float("nan"), 1.0)[:, None]


@pytest.mark.parametrize("kind", [Moody, Broken])
def test_a_network_that_answers_otherwise_once_exported_is_refused(kind, tmp_path):
    student, encoder = made("gru", kind)
    texts = [text * times for text in TEXTS[:40] for times in (1, 3)] + ["好"] * 40
    with pytest.raises(LimbeckError, match="the exported model differs from the trained one"):
        pass_gate(student, encoder, tmp_path, texts)


def test_a_refused_export_leaves_the_earlier_bundle_and_the_checkpoint(tmp_path, rows_folder, own_bundle, monkeypatch):
    monkeypatch.setitem(NETWORKS, "gru", Moody)
    before = {file.name: file.read_bytes() for file in own_bundle.iterdir()}
    with pytest.raises(LimbeckError, match="the checkpoint is kept"):
        limbeck.train(tiny_recipe("gru"), data=rows_folder, out=own_bundle)
    assert {file.name: file.read_bytes() for file in own_bundle.iterdir()} == before
    assert (tmp_path / ".bundle.training" / "checkpoint.pt").exists()


def test_half_storage_changes_no_answer_and_halves_the_file(tmp_path):
    student, encoder = made("gru", embedding=64, hidden=64)
    pass_gate(student, encoder, tmp_path)
    full = (tmp_path / "model.onnx").stat().st_size
    round_to_half(student)
    expected = logits_of(student, encoder, encoder.encode(TEXTS))
    gate = pass_gate(student, encoder, tmp_path)
    assert gate.bytes < 0.6 * full
    for name, value in student.state_dict().items():
        assert torch.equal(value, value.half().float()), name
    assert np.array_equal(logits_of(student, encoder, encoder.encode(TEXTS)), expected)


def test_only_weights_that_half_holds_exactly_are_stored_as_half():
    exact = numpy_helper.from_array(np.full(300, 0.5, np.float32), "exact")
    inexact = numpy_helper.from_array(np.full(300, 0.1, np.float32), "inexact")
    small = numpy_helper.from_array(np.full(3, 0.5, np.float32), "small")
    model = helper.make_model(helper.make_graph([], "g", [], [], [exact, inexact, small]))
    types = {tensor.name: tensor.data_type for tensor in halve(model).graph.initializer}
    assert types == {"exact.half": onnx.TensorProto.FLOAT16, "inexact": 1, "small": 1}
    assert [node.op_type for node in halve(model).graph.node] == ["Cast"]


def test_weights_out_of_halfs_range_and_counters_are_stored_as_they_are(tmp_path):
    student, _ = made("gru")
    with torch.no_grad():
        student.head.weight[0, 0] = 1e6
    round_to_half(student)
    student.register_buffer("counter", torch.tensor([2**40 + 1]))
    save_weights(student, tmp_path / "w.safetensors")
    stored = load_file(tmp_path / "w.safetensors")
    assert stored["head.weight"].dtype == torch.float32
    assert stored["gru.weight_hh_l0"].dtype == torch.float16
    for name, value in student.state_dict().items():
        assert torch.equal(stored[name].to(value.dtype), value), name


@pytest.mark.parametrize("network", ["gru", "albert"])
def test_int8_is_kept_only_with_the_same_labels_and_more_speed_and_says_why_not(network, tmp_path):
    student, encoder = made(network)
    found = pass_gate(student, encoder, tmp_path, int8="auto").int8
    there = (tmp_path / "model.int8.onnx").exists()
    assert there == found["kept"]
    if found["kept"]:
        assert found["flipped_share"] <= 0.005
        assert found["speed_over_fp32"] > 1.05
    else:
        assert "faster" in found["reason"] or any(
            word in found["reason"] for word in ("labels flip", "beside", "quantised")
        )


def test_int8_that_passes_the_gate_serves_and_one_that_flips_labels_does_not(tmp_path, monkeypatch):
    student, encoder = made("albert", hidden=192, heads=4, intermediate=768)
    monkeypatch.setattr(int8, "FASTER", 0.0)
    monkeypatch.setattr(int8, "MOST_FLIPPED", 1.0)
    monkeypatch.setattr(int8, "LARGEST_BATCH_DIFFERENCE", 1.0)
    gate = pass_gate(student, encoder, tmp_path, int8="auto")
    assert gate.serve == "model.int8.onnx"
    assert gate.int8["bytes"] < gate.bytes * 1.5
    open_trusted(tmp_path / "model.int8.onnx")
    monkeypatch.setattr(int8, "MOST_FLIPPED", -1.0)
    gate = pass_gate(student, encoder, tmp_path, int8="auto")
    assert gate.serve == "model.onnx"
    assert "labels flip" in gate.int8["reason"]
    assert not (tmp_path / "model.int8.onnx").exists()


def test_a_bundle_with_int8_answers_with_it(rows_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(int8, "FASTER", 0.0)
    monkeypatch.setattr(int8, "MOST_FLIPPED", 1.0)
    monkeypatch.setattr(int8, "LARGEST_BATCH_DIFFERENCE", 1.0)
    out = limbeck.train(tiny_recipe("albert", export={"int8": "auto"}), data=rows_folder, out=tmp_path / "out").bundle
    assert json.loads((out / "bundle.json").read_text("utf-8"))["serve"] == "model.int8.onnx"
    with limbeck.load(out) as classifier:
        assert classifier.predict_proba(["好", "差"]).shape == (2, 2)


@pytest.mark.parametrize("network", ["gru", "albert", "textcnn"])
def test_int8_says_how_far_a_row_depends_on_the_rows_beside_it_and_is_refused_beyond_a_bound(
    network, tmp_path, monkeypatch
):
    monkeypatch.setattr(int8, "MOST_FLIPPED", 1.0)
    monkeypatch.setattr(int8, "LARGEST_BATCH_DIFFERENCE", 1.0)
    student, encoder = made(network)
    gate = pass_gate(student, encoder, tmp_path, int8="keep")
    said = gate.int8["batch_difference"]
    assert 0 <= said < 0.5
    monkeypatch.setattr(int8, "LARGEST_BATCH_DIFFERENCE", said / 2 - 1e-9)
    gate = pass_gate(student, encoder, tmp_path, int8="keep")
    assert gate.serve == "model.onnx"
    assert "with the rows beside them" in gate.int8["reason"]
    assert not (tmp_path / "model.int8.onnx").exists()
