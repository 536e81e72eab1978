"""A model file is read as onnxruntime reads it: what the two could take differently is refused."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from limbeck.bundle.onnx.check import check_graph
from limbeck.bundle.onnx.protobuf import fields
from limbeck.bundle.session import open_session
from limbeck.errors import LimbeckError


def varint(value, width=0):
    """Return a varint of at least ``width`` bytes."""
    out = bytearray()
    while value >= 0x80 or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, body, tag=None, size_width=0):
    return (tag or varint(number << 3 | 2)) + varint(len(body), size_width) + body


def scores(extra=b"", domain=None, inside=b""):
    """A model that adds two numbers to rows: ``extra`` is put into its tensor, ``inside`` into its node."""
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2], [0.25, 0.75]).SerializeToString() + extra
    node = helper.make_node("Add", ["x", "w"], ["y"]).SerializeToString() + inside
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]).SerializeToString() for name in "xy"]
    graph = field(1, node) + field(2, b"g") + field(5, tensor) + field(11, ends[0]) + field(12, ends[1])
    opset = field(8, helper.make_opsetid("", 18).SerializeToString())
    if domain is not None:
        opset += field(8, domain + b"\x10\x01")
    return b"\x08\x09" + opset + field(7, graph)


def test_the_plain_model_is_opened_and_answers(tmp_path):
    (tmp_path / "m.onnx").write_bytes(scores())
    found = open_session(tmp_path / "m.onnx").run(None, {"x": np.zeros((1, 2), dtype=np.float32)})[0]
    np.testing.assert_array_equal(found, [[0.25, 0.75]])


ENTRY = field(1, b"location") + field(2, b"secret.bin")
EXTERNAL, LOCATION = 13 << 3 | 2, 14 << 3


@pytest.mark.parametrize(
    "hidden",
    [
        field(13, ENTRY, tag=varint(EXTERNAL | 1 << 32)) + varint(LOCATION | 1 << 32) + b"\x01",
        field(13, ENTRY, tag=varint(EXTERNAL | 5 << 34)) + varint(LOCATION | 5 << 34) + b"\x01",
        field(13, ENTRY, tag=varint(EXTERNAL, 5)) + varint(LOCATION, 5) + b"\x01",
        field(13, ENTRY, tag=varint(EXTERNAL | 1 << 63)) + varint(LOCATION | 1 << 63) + b"\x01",
        field(13, ENTRY) + varint(LOCATION) + varint(1 | 1 << 32, 10),
        field(13, ENTRY, size_width=6) + varint(LOCATION) + b"\x01",
        varint(LOCATION) + varint(1),
    ],
    ids=["bit 32", "bits 34 and 36", "surplus bytes", "bit 63", "location of 64 bits", "long length", "location alone"],
)
def test_no_way_of_writing_a_tag_hides_weights_in_another_file(tmp_path, monkeypatch, hidden):
    (tmp_path / "secret.bin").write_bytes(np.array([41.0, 42.0], dtype=np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.onnx").write_bytes(scores(hidden))
    with pytest.raises(LimbeckError, match=r"not a valid ONNX model|keeps weights in another file") as caught:
        open_session(tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tag", [varint(1 << 3 | 2), varint(1 << 3 | 2 | 1 << 32), varint(1 << 3 | 2, 5)])
def test_no_way_of_writing_a_tag_hides_operators_of_another_library(tag):
    with pytest.raises(LimbeckError, match=r"custom operators|not a valid ONNX model"):
        check_graph(scores(domain=field(1, b"evil.ops", tag=tag)), "m.onnx")
    node = field(7, b"evil.ops", tag=varint(7 << 3 | 2 | (len(tag) > 1) << 33))
    with pytest.raises(LimbeckError, match=r"custom operators|not a valid ONNX model"):
        check_graph(scores(inside=node), "m.onnx")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (b"\x0b\x08\x01\x0c", "wire type 3"),
        (b"\x0c", "wire type 4"),
        (b"\x0e\x00", "wire type 6"),
        (b"\x00\x00", "field 0"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "varint too long"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "varint too long"),
        (b"\x0a\x85\x00abcde", "surplus bits"),
        (b"\x0a" + varint(2**31), "surplus bits"),
        (b"\x0a\x05abc", "truncated"),
        (b"\x09abc", "truncated"),
    ],
)
def test_what_no_writer_of_protocol_buffers_writes_is_refused(message, line):
    with pytest.raises(ValueError, match=line):
        list(fields(memoryview(message)))


def test_plain_messages_are_read():
    numbers = b"\x08" + b"\xff" * 9 + b"\x01" + field(1000, b"abc")
    message = memoryview(numbers + b"\x15\x00\x00\x80\x3f\x19" + b"12345678")
    found = [
        (number, wire, value if isinstance(value, int) else bytes(value)) for number, wire, value in fields(message)
    ]
    assert found == [(1, 0, 2**64 - 1), (1000, 2, b"abc"), (2, 5, b"\x00\x00\x80\x3f"), (3, 1, b"12345678")]


def test_a_graph_that_only_training_would_run_is_looked_at_too():
    hidden = helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0])
    hidden.data_location = TensorProto.EXTERNAL
    graph = field(5, hidden.SerializeToString())
    with pytest.raises(LimbeckError, match="keeps weights in another file"):
        check_graph(scores() + field(20, field(1, graph)), "m.onnx")


def test_onnxruntimes_own_format_which_nobody_checks_is_not_opened(tmp_path):
    (tmp_path / "m.onnx").write_bytes(scores())
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.ort")
    options.log_severity_level = 4
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), options, providers=["CPUExecutionProvider"])
    for offset in (0, 1):  # as it is, and as the checker might take it for a message
        (tmp_path / "again.onnx").write_bytes((tmp_path / "m.ort").read_bytes()[offset:])
        with pytest.raises(LimbeckError, match=r"not a valid ONNX model|onnxruntime cannot open it"):
            open_session(tmp_path / "again.onnx")
