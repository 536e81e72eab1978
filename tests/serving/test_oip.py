"""The Open Inference Protocol: unmodified tritonclient, all four kinds, and what is refused."""

from __future__ import annotations

import itertools
import json
import socket
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

import limbeck
from old_bundles import bundle_of, rows_of
from serving.conftest import SERVED, ask

TEXTS = rows_of("text-ngram")


@pytest.fixture(scope="module")
def client(server):
    made = triton.InferenceServerClient(server.address.removeprefix("http://"))
    yield made
    made.close()


def texts_input(texts, shape=None, binary=True):
    given = triton.InferInput("text", shape or [len(texts)], "BYTES")
    given.set_data_from_numpy(np.array(texts, dtype=object).reshape(given.shape()), binary_data=binary)
    return given


def probabilities(kind):
    with limbeck.load(bundle_of(kind)) as classifier:
        return classifier.predict_proba(rows_of(kind)), classifier.predict(rows_of(kind))


def inputs_of(kind):
    """The rows of a kind as tensors of tritonclient."""
    rows = rows_of(kind)
    if kind.startswith("text"):
        return [texts_input(rows)]
    if kind == "image":
        given = triton.InferInput("path", [len(rows)], "BYTES")
        given.set_data_from_numpy(np.array([Path(row).read_bytes() for row in rows], dtype=object))
        return [given]
    if kind == "signal":
        windows = np.array(rows["signal"].to_list(), dtype=np.float32)
        given = triton.InferInput("signal", list(windows.shape), "FP32")
        given.set_data_from_numpy(windows)
        return [given]
    columns = []
    with limbeck.load(bundle_of(kind)) as classifier:
        names = classifier.manifest.task.inputs
    for name in names:
        cells = rows[name]
        if cells.dtype.is_numeric():
            data, datatype = cells.cast(float).to_numpy(), "FP64"
        else:
            data, datatype = np.array(cells.fill_null("").to_list(), dtype=object), "BYTES"
        columns.append(triton.InferInput(name, [len(data)], datatype))
        columns[-1].set_data_from_numpy(data)
    return columns


def test_tritonclient_reads_health_and_metadata(client):
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("text-ngram")
    assert client.get_server_metadata()["name"] == "limbeck"
    told = client.get_model_metadata("text-ngram")
    assert told["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert [output["name"] for output in told["outputs"]] == ["probabilities", "label"]
    assert client.get_model_metadata("text-ngram", told["versions"][0]) == told
    assert {row["name"]: row["state"] for row in client.get_model_repository_index()} == dict.fromkeys(SERVED, "READY")


@pytest.mark.parametrize("binary_in, binary_out, packed", list(itertools.product(
    (False, True), (False, True, None), (None, "gzip", "deflate"))))  # fmt: skip
def test_every_form_of_a_request_has_the_same_answer(client, binary_in, binary_out, packed):
    with limbeck.load(bundle_of("text-ngram")) as classifier:
        wanted, labels = classifier.predict_proba(TEXTS[:3]), classifier.predict(TEXTS[:3])
    outputs = None if binary_out is None else [
        triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("label", "probabilities")
    ]  # fmt: skip
    found = client.infer(
        "text-ngram", [texts_input(TEXTS[:3], [3, 1], binary_in)], outputs=outputs, request_id="né 7",
        request_compression_algorithm=packed, timeout=5_000_000,
    )  # fmt: skip
    assert found.get_response()["id"] == "né 7"
    np.testing.assert_allclose(found.as_numpy("probabilities"), wanted, rtol=0, atol=1e-6)
    got = [label.decode() if isinstance(label, bytes) else label for label in found.as_numpy("label")]
    assert got == labels


@pytest.mark.parametrize("kind", SERVED)
def test_every_kind_answers_as_predict_proba_does(client, kind):
    wanted, labels = probabilities(kind)
    if kind == "signal":  # windows alone, without their record
        with limbeck.load(bundle_of(kind)) as classifier:
            windows = np.array(rows_of(kind)["signal"].to_list(), dtype=np.float32)
            wanted, labels = classifier.predict_proba(windows), classifier.predict(windows)
    found = client.infer(kind, inputs_of(kind))
    np.testing.assert_allclose(found.as_numpy("probabilities"), wanted, rtol=0, atol=1e-6)
    assert [label.decode() for label in found.as_numpy("label")] == labels


def test_pictures_may_be_pixels(client):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 30, 3), dtype=np.uint8)
    whole = triton.InferInput("path", list(pixels.shape), "UINT8")
    whole.set_data_from_numpy(pixels)
    shares = triton.InferInput("path", list(pixels.shape), "FP32")
    shares.set_data_from_numpy((pixels / 255).astype(np.float32))
    first, second = (client.infer("image", [given]).as_numpy("probabilities") for given in (whole, shares))
    assert np.array_equal(first, second)


def test_an_explanation_is_given_on_request(client):
    outputs = [triton.InferRequestedOutput(name) for name in ("label", "explanation")]
    found = client.infer("text-ngram", [texts_input(TEXTS[:2])], outputs=outputs)
    with limbeck.load(bundle_of("text-ngram")) as classifier:
        wanted = classifier.explain(TEXTS[:2])
    told = [json.loads(text) for text in found.as_numpy("explanation")]
    assert [len(one["parts"]) for one in told] == [len(one.parts) for one in wanted]
    assert [one["label"] for one in told] == [one.label for one in wanted]


def test_a_row_without_an_answer_refuses_the_request_or_is_nan(client):
    with pytest.raises(InferenceServerException, match="row 1: the text is empty"):
        client.infer("text-ngram", [texts_input([TEXTS[0], ""])])
    found = client.infer("text-ngram", [texts_input([TEXTS[0], ""])], parameters={"unreadable": "nan"})
    assert np.isnan(found.as_numpy("probabilities")).tolist() == [[False, False], [True, True]]
    assert found.as_numpy("label")[1] == b""


def test_no_rows_have_no_answers(client):
    found = client.infer("text-ngram", [texts_input([], [0])])
    assert found.as_numpy("probabilities").shape == (0, 2)


GOOD = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["物流很快"]}
BAD = {
    "not JSON": (b"{", "not JSON"),
    "NaN": (b'{"inputs": [NaN]}', "not JSON"),
    "no object": ([], "not a JSON object"),
    "no inputs": ({}, "inputs"),
    "an unknown name": ({"inputs": [GOOD | {"name": "txt"}]}, "expected the input 'text'"),
    "two of a name": ({"inputs": [GOOD, GOOD]}, "twice"),
    "another datatype": ({"inputs": [GOOD | {"datatype": "FP32", "data": [1.0]}]}, "expected the datatype BYTES"),
    "an unknown datatype": ({"inputs": [GOOD | {"datatype": "FP31"}]}, "datatype"),
    "a wrong shape": ({"inputs": [GOOD | {"shape": [2]}]}, "1 elements where the shape [2] has 2"),
    "a huge shape": ({"inputs": [GOOD | {"shape": [3, 2**31 - 1, 2**31 - 1, 2**31 - 1]}]}, "more than"),
    "a huge shape of no rows": ({"inputs": [GOOD | {"shape": [0, 2**31 - 1, 2**31 - 1], "data": []}]}, "more than"),
    "a shape beyond 2 GiB": ({"inputs": [GOOD | {"shape": [2**40]}]}, "whole numbers"),
    "a negative shape": ({"inputs": [GOOD | {"shape": [-1]}]}, "whole numbers"),
    "a shape of true": ({"inputs": [GOOD | {"shape": [True]}]}, "whole numbers"),
    "no data": ({"inputs": [{k: GOOD[k] for k in ("name", "shape", "datatype")}]}, "neither data nor"),
    "a number as text": ({"inputs": [GOOD | {"data": [1]}]}, "expected a string"),
    "nested unevenly": ({"inputs": [GOOD | {"data": [["a"], "b"], "shape": [2]}]}, "mixed"),
    "two dimensions": ({"inputs": [GOOD | {"data": ["a", "b"], "shape": [1, 2]}]}, "expected the shape"),
    "bytes that are not there": ({"inputs": [{k: GOOD[k] for k in ("name", "shape", "datatype")}
                                             | {"parameters": {"binary_data_size": 2**31}}]}, "number of bytes"),
    "an unknown output": ({"inputs": [GOOD], "outputs": [{"name": "logits"}]}, "outputs[0]"),
    "an id that is a number": ({"inputs": [GOOD], "id": 7}, "id"),
    "a time-out of a text": ({"inputs": [GOOD], "parameters": {"timeout": "1"}}, "timeout"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_the_protocol_does_not_allow_is_refused_with_a_reason(server, what):
    body, reason = BAD[what]
    found = ask(server.address, "/v2/models/text-ngram/infer", body)
    assert found.status == 400 and reason in found.json["error"], found.body


@pytest.mark.parametrize("length, body", [
    ("x", b"{}"), ("-1", b"{}"), ("99", b"{}"), ("9" * 30, b"{}"), ("2", b"{}tail"),
])  # fmt: skip
def test_a_wrong_length_of_the_header_is_refused(server, length, body):
    found = ask(server.address, "/v2/models/text-ngram/infer", body, Inference_Header_Content_Length=length)
    assert found.status == 400 and "error" in found.json


def test_unknown_models_versions_methods_and_places_are_told_apart(server):
    assert ask(server.address, "/v2/models/none").status == 404
    assert ask(server.address, "/v2/models/none/infer", {}).status == 404
    assert ask(server.address, "/v2/models/text-ngram/versions/7/infer", {}).status == 404
    assert ask(server.address, "/v2/models/text-ngram/infer").status == 405
    assert ask(server.address, "/nowhere").status == 404
    assert ask(server.address, "/predict").status == 405
    assert ask(server.address, "/v2/repository/models/text-ngram/unload", {}).status == 403


def test_packed_bodies_are_limited_by_what_they_unpack_to(server):
    bomb = zlib.compress(b" " * 2**25, 9)
    start = time.perf_counter()
    found = ask(server.address, "/v2/models/text-ngram/infer", bomb, Content_Encoding="deflate")
    assert found.status == 413 and time.perf_counter() - start < 2
    found = ask(server.address, "/v2/models/text-ngram/infer", b"zzz", Content_Encoding="gzip")
    assert found.status == 400
    found = ask(server.address, "/v2/models/text-ngram/infer", b"{}", Content_Encoding="br")
    assert found.status == 415


def test_a_large_body_is_refused_before_it_is_sent(server):
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b"POST /v2/models/text-ngram/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 104857600\r\n\r\n{")
        assert line.recv(4096).startswith(b"HTTP/1.1 413")
