"""A model that never ends or wants all memory is stopped with one line; a plain one runs as fast as ever, here."""

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bundle.hostile import with_nodes
from limbeck.bundle import session
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.onnx.extent import extent
from limbeck.bundle.onnx.graph import read_graph
from limbeck.bundle.session import ConfinedSession, WatchedSession, open_session, session_of
from limbeck.errors import LimbeckError

TEXTS = ["物流很快", "质量太差"]
SIZES = [("ids", "batch"), ("weights", "batch")]


@pytest.fixture
def short(monkeypatch):
    """Limits that are soon reached."""
    monkeypatch.setattr(session, "SECONDS", 2.0)
    monkeypatch.setattr(session, "MEMORY", 2**28)


def summed(name):
    """Nodes that add all numbers of an array, times zero, to an answer of one half for every row."""
    return [
        helper.make_node("ReduceSum", [name], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("ReduceMean", ["weights", "step"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["column"]),
        helper.make_node("Add", ["column", "nothing"], ["noughts"]),
        helper.make_node("Add", ["noughts", "half"], ["probabilities"]),
    ]


CONSTANTS = {
    "zero": np.float32(0), "half": np.full((1, 2), 0.5, dtype=np.float32), "one": np.int64(1), "yes": np.bool_(True),
    "far": np.int64(2**62), "step": np.array([1], dtype=np.int64),
}  # fmt: skip


def sized(*shape):
    return {"sides": np.array(shape, dtype=np.int64)}


def endless():
    """A loop of 2**62 rounds."""
    state = [helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in ("state", "next")]
    kept = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on")]
    number = helper.make_tensor_value_info("round", TensorProto.INT64, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["state", "zero"], ["next"])],
        "body", [number, kept[0], state[0]], [kept[1], state[1]],
    )  # fmt: skip
    return [helper.make_node("Loop", ["far", "yes", "zero"], ["big"], body=body), *summed("big")], {}


def filled():
    return [helper.make_node("ConstantOfShape", ["sides"], ["big"]), *summed("big")], sized(250_000, 100_000)


def expanded():
    return [helper.make_node("Expand", ["zero", "sides"], ["big"]), *summed("big")], sized(250_000, 100_000)


def tiled():
    return [helper.make_node("Tile", ["half", "sides"], ["big"]), *summed("big")], sized(500_000, 100_000)


def doubled():
    """Forty times the same array twice: 2**40 numbers."""
    nodes = [helper.make_node("Concat", [f"c{at}", f"c{at}"], [f"c{at + 1}"], axis=0) for at in range(40)]
    return [*nodes, *summed("c40")], {"c0": np.zeros(1, dtype=np.float32)}


def multiplied():
    """Products of matrices that hold 16 million numbers each."""
    nodes = [helper.make_node("ConstantOfShape", ["sides"], ["m0"])]
    nodes += [helper.make_node("MatMul", [f"m{at}", "m0"], [f"m{at + 1}"]) for at in range(40)]
    return [*nodes, *summed("m40")], sized(4096, 4096)


def ranged():
    return [helper.make_node("Range", ["zero", "much", "unit"], ["big"]), *summed("big")], {
        "much": np.float32(1e11), "unit": np.float32(1)
    }  # fmt: skip


def squared():
    """An array of as many rows and columns as the batch has numbers, and the same again."""
    nodes = [
        helper.make_node("Reshape", ["weights", "row"], ["r"]),
        helper.make_node("Reshape", ["weights", "column0"], ["c"]),
        helper.make_node("MatMul", ["c", "r"], ["s"]),
        helper.make_node("Reshape", ["s", "row"], ["r2"]),
        helper.make_node("Reshape", ["s", "column0"], ["c2"]),
        helper.make_node("MatMul", ["c2", "r2"], ["big"]),
        *summed("big"),
    ]
    return nodes, {"row": np.array([1, -1]), "column0": np.array([-1, 1])}


@pytest.mark.parametrize("made", [endless, filled, expanded, tiled, doubled, multiplied, ranged, squared])
def test_a_model_without_end_or_measure_is_stopped_with_one_line(own_bundle, short, made):
    nodes, constants = made()
    with_nodes(own_bundle, nodes, constants=CONSTANTS | constants)
    texts = ["".join(chr(0x4E00 + at) for at in range(60))] * 8  # so that the batch has numbers to square
    with pytest.raises(LimbeckError) as caught, Classifier(own_bundle) as classifier:
        assert isinstance(classifier._session, ConfinedSession)
        classifier.predict_proba(texts)
    line = str(caught.value)
    assert "\n" not in line
    known = ("running the model takes longer than 2 s", "running the model needs more than", "Tile output tensor would")
    assert any(words in line for words in known), line


def test_a_batch_for_which_a_plain_model_would_take_too_much_is_refused_before_it_runs(own_bundle):
    """Of the largest batch it makes nothing: (rows - 256) squared, and so much of every other one."""
    nodes = [
        helper.make_node("Shape", ["ids"], ["sides"]),
        helper.make_node("Gather", ["sides", "first"], ["rows"]),
        helper.make_node("Sub", ["rows", "most"], ["less"]),
        helper.make_node("Mul", ["less", "less"], ["square"]),
        helper.make_node("Mul", ["square", "million"], ["count"]),
        helper.make_node("ConstantOfShape", ["count"], ["big"]),
        *summed("big"),
    ]
    more = {"first": np.array([0]), "most": np.array([256]), "million": np.array([10**6])}
    model = onnx.load(own_bundle / "model.onnx")
    with_nodes(own_bundle, nodes, constants=CONSTANTS | more)
    graph = read_graph((own_bundle / "model.onnx").read_bytes())
    assert len(model.graph.input) == len(graph.inputs)
    found = extent(graph, dict.fromkeys(graph.inputs, (256, 16)))
    assert found.bends
    assert found.largest < 10_000
    opened = open_session(own_bundle / "model.onnx", feeds=[dict.fromkeys(graph.inputs, (256, 16))])
    assert isinstance(opened, WatchedSession)
    feed = {"ids": np.zeros((255, 4), dtype=np.int64), "weights": np.zeros((255, 4), dtype=np.float32)}
    assert opened.run(None, feed)[0].shape == (255, 2)
    feed = {name: array[:7] for name, array in feed.items()}
    with pytest.raises(LimbeckError, match="takes too much for a batch of this size"):
        opened.run(None, feed)


@pytest.mark.parametrize("network", ["ngram", "gru", "textcnn", "albert"])
def test_a_child_gives_the_very_answers_that_this_process_gives(bundles, network):
    file = bundles(network) / "model.onnx"
    with Classifier(bundles(network)) as classifier:
        assert not isinstance(classifier._session, ConfinedSession)
        feed = classifier.encoder.batch(classifier.encode(TEXTS), np.arange(2))
        here = session_of(file.read_bytes(), file).run(None, feed)[0]
        child = ConfinedSession(file.read_bytes(), file)
        np.testing.assert_array_equal(child.run(None, feed)[0], here)
        for name in ("get_inputs", "get_outputs"):
            there = [(port.name, port.type, port.shape) for port in getattr(child, name)()]
            assert there == [(port.name, port.type, port.shape) for port in getattr(classifier._session, name)()]
        child.close()


def test_texts_and_maps_travel_to_the_child_and_back(tmp_path):
    nodes = [
        helper.make_node("Identity", ["words"], ["same"]),
        helper.make_node("ZipMap", ["scores"], ["maps"], domain="ai.onnx.ml", classlabels_strings=["不", "是"]),
    ]
    ends = [
        helper.make_tensor_value_info("words", TensorProto.STRING, [None, 1]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 2]),
        helper.make_tensor_value_info("same", TensorProto.STRING, [None, 1]),
        helper.make_value_info("maps", helper.make_sequence_type_proto(helper.make_map_type_proto(
            TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])))),
    ]  # fmt: skip
    graph = helper.make_graph(nodes, "g", ends[:2], ends[2:])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    opened = open_session(tmp_path / "m.onnx")
    assert isinstance(opened, ConfinedSession)
    words = np.array([["好吃"], [""], ["a\nb"]], dtype=object)
    scores = np.array([[0.25, 0.75], [1, 0], [0.5, 0.5]], dtype=np.float32)
    same, maps = opened.run(["same", "maps"], {"words": words, "scores": scores})
    assert same.tolist() == words.tolist()
    assert maps == [{"不": 0.25, "是": 0.75}, {"不": 1.0, "是": 0.0}, {"不": 0.5, "是": 0.5}]
    with pytest.raises(LimbeckError, match="onnxruntime: "):
        opened.run(["same"], {"words": words})
    assert opened.run(["same"], {"words": words[:1], "scores": scores[:1]})[0].tolist() == [["好吃"]]


@pytest.mark.parametrize("network", ["ngram", "gru", "textcnn", "albert"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (2, 48)])
def test_the_shapes_that_are_followed_are_those_that_the_model_gives(bundles, network, shape):
    """Every array of the graph is made an output, and held against what was foretold."""
    content = (bundles(network) / "model.onnx").read_bytes()
    graph = read_graph(content)
    feeds = {name: shape if name != "lengths" else shape[:1] for name in graph.inputs}
    model = onnx.load_from_string(content)
    names = [name for node in model.graph.node for name in node.output if name]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    numbers = {"ids": np.ones(shape, dtype=np.int64), "weights": np.ones(shape, dtype=np.float32)}
    numbers["lengths"] = np.full(shape[:1], shape[1], dtype=np.int64)
    found = session_of(model.SerializeToString(), "m").run(None, {name: numbers[name] for name in feeds})
    foretold = extent(graph, feeds)
    sizes = [math.prod(np.shape(array)) for array in found]
    assert foretold.largest == max(sizes)
    assert foretold.numbers >= sum(sizes)


def test_what_cannot_be_followed_is_no_plain_model():
    for op, given in (("NonZero", ["ids"]), ("Loop", ["ids"]), ("Unheard", ["ids"]), ("Reshape", ["ids", "ids"])):
        node = helper.make_node(op, given, ["y"])
        ends = [helper.make_tensor_value_info(name, TensorProto.INT64, [None, None]) for name in ("ids", "y")]
        model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]))
        with pytest.raises(ValueError, match=f"{op}|depends on the rows"):
            extent(read_graph(model.SerializeToString()), {"ids": (2, 3)})
