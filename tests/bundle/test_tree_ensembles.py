"""Trees in an ONNX file are followed only where they end; their long lists are read many numbers at a time."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from limbeck.bundle.onnx import graph as reader
from limbeck.bundle.onnx.arrays import UnknownError
from limbeck.bundle.onnx.extent import extent
from limbeck.bundle.onnx.graph import read_graph


def model(**changed):
    """Return a model of two trees: a root with two leaves, and a root whose right child splits again."""
    attributes = {
        "n_targets": 1, "nodes_treeids": [0, 0, 0, 1, 1, 1, 1, 1], "nodes_nodeids": [0, 1, 2, 0, 1, 2, 3, 4],
        "nodes_featureids": [0, 0, 0, 1, 0, 0, 0, 0], "nodes_values": [0.5] * 8,
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 0, 0, 1, 0, 3, 0, 0], "nodes_falsenodeids": [2, 0, 0, 2, 0, 4, 0, 0],
        "target_treeids": [0, 0, 1, 1, 1], "target_nodeids": [1, 2, 1, 3, 4], "target_ids": [0] * 5,
        "target_weights": [1.0] * 5,
    } | changed  # fmt: skip
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **attributes)
    made = helper.make_graph(
        [node], "trees", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
    )  # fmt: skip
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)])


def followed(made):
    return extent(read_graph(made.SerializeToString()), {"x": (10, 2)})


def test_trees_are_followed_to_their_deepest_leaf():
    assert followed(model()).products == 10 * 2 * (2 + 1)  # rows, trees, steps and targets


@pytest.mark.parametrize(
    "changed",
    [
        {"nodes_truenodeids": [0, 0, 0, 1, 0, 3, 0, 0]},  # a root below itself
        {"nodes_truenodeids": [1, 0, 0, 1, 0, 2, 0, 0]},  # a node below itself
        {"nodes_falsenodeids": [1, 0, 0, 2, 0, 4, 0, 0]},  # one child of two branches
        {"nodes_falsenodeids": [3, 0, 0, 2, 0, 4, 0, 0]},  # a child in another tree
        {"nodes_featureids": [2, 0, 0, 1, 0, 0, 0, 0]},
        {"nodes_featureids": [-1, 0, 0, 1, 0, 0, 0, 0]},
        {"nodes_modes": ["BRANCH_LT", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"]},
        {"nodes_nodeids": [0, 2, 1, 0, 1, 2, 3, 4]},
        {"nodes_treeids": [0, 0, 0, 0, 0, 0, 0, 0]},
        {"nodes_treeids": [0, 0, 0, 1, 1, 1, 1]},
        {"n_targets": 1_000_000},
    ],
)
def test_trees_that_may_not_end_or_are_written_in_a_rare_way_are_not_followed(changed):
    with pytest.raises(UnknownError):
        followed(model(**changed))


@settings(deadline=None, max_examples=40)
@given(count=st.integers(300, 400), seed=st.integers(0, 2**32 - 1), widths=st.lists(st.integers(0, 63), min_size=1))
def test_long_lists_are_read_as_short_ones_are(count, seed, widths):
    random = np.random.default_rng(seed)
    drawn = [int(random.integers(-(2**63), 2**63 - 1)) >> random.choice(widths) for _ in range(count)]
    ints = [*drawn, 0, -1, 2**63 - 1, -(2**63)]
    floats = random.normal(size=count).astype(np.float32).tolist()
    modes = random.choice(["LEAF", "BRANCH_LEQ"], count).tolist()
    node = helper.make_node("Any", [], [], ints=ints, floats=floats, modes=modes)
    for attribute in node.attribute:
        content = memoryview(attribute.SerializeToString())
        name, quick = reader._attribute(content)
        kept, reader.LONG = reader.LONG, 1 << 60
        try:
            slow = reader._attribute(content)
        finally:
            reader.LONG = kept
        assert name == slow[0]
        assert isinstance(quick, np.ndarray)
        np.testing.assert_array_equal(quick, np.asarray(slow[1], dtype=quick.dtype))


def test_an_integer_of_more_than_64_bits_is_refused():
    attribute = onnx.AttributeProto(name="a", ints=[-1] * 100, type=onnx.AttributeProto.INTS)
    content = bytearray(attribute.SerializeToString())
    content[content.index(0x01, 5)] = 0x02  # the tenth byte of the first number
    with pytest.raises(ValueError, match="varint too long"):
        reader._attribute(memoryview(bytes(content)))
