"""Hostile requests: damaged binary tensors, slow and half-closed connections, many idle ones, large bodies."""

from __future__ import annotations

import base64
import io
import json
import resource
import socket
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from limbeck.serving.http import Refusal
from limbeck.serving.oip.request import read_request
from limbeck.serving.oip.response import Output
from limbeck.serving.plain_door.multipart import read_form
from old_bundles import rows_of
from serving.conftest import ask

TEXTS = rows_of("text-ngram")
INFER = "/v2/models/text-ngram/infer"


def packed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def binary(head: dict, tail: bytes) -> tuple[bytes, str]:
    start = json.dumps(head).encode()
    return start + tail, str(len(start))


def head_of(**changes):
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 12}} | changes
    return {"inputs": [tensor]}


NUMBER = st.one_of(st.integers(-2, 5), st.sampled_from([2**31 - 1, 2**31, 2**32, 2**62, 10**30]), st.booleans())
DATATYPE = st.sampled_from(["BYTES", "FP32", "UINT8", "INT64", "BOOL", "FP16", "X", None])


@given(
    shape=st.lists(NUMBER, max_size=4), datatype=DATATYPE, size=NUMBER, tail=st.binary(max_size=40),
    length=st.one_of(st.none(), st.text("0123456789-x", max_size=22)),
)  # fmt: skip
def test_any_head_over_any_tail_is_read_or_refused(shape, datatype, size, tail, length):
    body, right = binary(head_of(shape=shape, datatype=datatype, parameters={"binary_data_size": size}), tail)
    try:
        found = read_request(body, right if length is None else length, 100)
    except Refusal as refusal:
        assert refusal.status in (400, 413) and refusal.why
        return
    (tensor,) = found.tensors.values()
    count = 1
    for side in tensor.shape:
        count *= side
    assert (len(tensor.data) if isinstance(tensor.data, list) else tensor.data.size) == count


@given(body=st.binary(max_size=60), length=st.text("0123456789", max_size=3))
def test_any_bytes_are_read_or_refused(body, length):
    for read in (lambda: read_request(body, length, 100), lambda: read_form(body, "multipart/form-data; boundary=x")):
        with pytest.raises(Refusal):
            read()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@given(data=JSON, shape=JSON, datatype=DATATYPE, outputs=JSON, parameters=JSON)
def test_any_json_is_read_or_refused(data, shape, datatype, outputs, parameters):
    tensor = {"name": "text", "shape": shape, "datatype": datatype, "data": data}
    body = json.dumps({"inputs": [tensor], "outputs": outputs, "parameters": parameters}).encode()
    try:
        assert read_request(body, "", 100).tensors
    except Refusal as refusal:
        assert refusal.status in (400, 413)


@given(texts=st.lists(st.text(max_size=5).map(lambda text: text.encode("utf-8", "surrogatepass")), max_size=4))
def test_texts_come_back_as_they_were_sent(texts):
    tail = packed(*texts)
    size = {"binary_data_size": len(tail)}
    body, length = binary(head_of(shape=[len(texts)], parameters=size), tail)
    assert read_request(body, length, 100).tensors["text"].data == texts
    decoded = [text.decode("utf-8", "surrogatepass") for text in texts]
    assert Output("label", "BYTES", decoded).raw() == tail


GOOD = packed(b"abcd", b"")
CUT = {
    "a length that breaks off": GOOD[:-1],
    "an element that breaks off": packed(b"abcd") + struct.pack("<I", 5),
    "a length beyond 2 GiB": packed(b"abcd") + struct.pack("<I", 2**32 - 1),
    "too many elements": GOOD + packed(b""),
    "bytes of no input": GOOD + b"x",
}


@pytest.mark.parametrize("what", CUT)
def test_a_damaged_tail_is_refused_quickly(server, what):
    tail = CUT[what]
    size = len(GOOD) if what == "bytes of no input" else len(tail)
    body, length = binary(head_of(parameters={"binary_data_size": size}), tail)
    start = time.perf_counter()
    found = ask(server.address, INFER, body, Inference_Header_Content_Length=length)
    assert found.status == 400 and "error" in found.json and time.perf_counter() - start < 1


def test_text_that_is_not_utf8_is_refused_with_its_row(server):
    tail = packed(b"abcd", b"")[:-4] + packed(b"")
    body, length = binary(head_of(), b"\x04\0\0\0ab\xff\xfe\0\0\0\0")
    assert len(tail) == 12
    found = ask(server.address, INFER, body, Inference_Header_Content_Length=length)
    assert found.status == 400 and "row 0" in found.json["error"] and "UTF-8" in found.json["error"]


def test_numbers_that_are_no_numbers_are_refused(server):
    windows = np.array(rows_of("signal")["signal"].to_list(), dtype=np.float32)[:1]
    windows[0, 0, 3] = np.nan
    for array, name, path in (
        (windows, "signal", "signal"),
        (np.full((1, 4, 4, 3), np.nan, np.float32), "path", "image"),
    ):
        tensor = {"name": name, "shape": list(array.shape), "datatype": "FP32"}
        body, length = binary(
            {"inputs": [tensor | {"parameters": {"binary_data_size": array.nbytes}}]}, array.tobytes()
        )
        found = ask(server.address, f"/v2/models/{path}/infer", body, Inference_Header_Content_Length=length)
        assert found.status == 400 and "number" in found.json["error"], found.body


def test_a_picture_that_unpacks_to_gigabytes_is_refused(server):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 10**6)) + chunk(b"IEND", b"")
    )
    small = io.BytesIO()
    Image.new("RGB", (8, 8)).save(small, "PNG")
    files = [base64.b64encode(file).decode() for file in (bomb, small.getvalue(), small.getvalue()[:40], b"GIF89a")]
    found = ask(server.address, "/predict", {"model": "image", "pictures": files})
    errors = [one["error"] for one in found.json["predictions"]]
    assert found.status == 200 and errors[1] is None and all(errors[at] for at in (0, 2, 3))


def test_slow_half_closed_and_silent_connections_harm_nobody(server):
    host, port = server.address.removeprefix("http://").split(":")
    place = (host, int(port))
    lines = [socket.create_connection(place) for _ in range(30)]
    try:
        for at, line in enumerate(lines):
            line.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{"[: 20 + at * 2])
        lines[0].shutdown(socket.SHUT_WR)
        for line in lines[1:10]:
            line.close()
        found = ask(server.address, "/predict", {"model": "text-ngram", "texts": TEXTS[:1]})
        assert found.status == 200
    finally:
        for line in lines:
            line.close()


def test_many_idle_connections_harm_nobody(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2000
    if hard < wanted + 200:
        pytest.skip(f"this user may open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 200), hard))
    host, port = server.address.removeprefix("http://").split(":")
    lines = []
    try:
        lines += [socket.create_connection((host, int(port)), timeout=10) for _ in range(wanted)]
        for _ in range(4):  # both workers
            assert ask(server.address, "/predict", {"model": "text-ngram", "texts": TEXTS[:1]}).status == 200
    finally:
        for line in lines:
            line.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
