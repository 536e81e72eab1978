"""The protocol over gRPC: unmodified tritonclient, the answers of HTTP, and what is refused."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

import limbeck
from limbeck.serving.child import serving
from old_bundles import bundle_of, rows_of

grpc = pytest.importorskip("grpc", reason="the extra grpc is not installed")
triton = pytest.importorskip("tritonclient.grpc")

TEXTS = rows_of("text-ngram")
KEY = "prediction-key-1"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """The port of a server with two workers and a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(KEY)
    keys.chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        chosen = free.getsockname()[1]
    named = [f"{name}={bundle_of(name)}" for name in ("text-ngram", "image", "table")]
    with serving(named, "--workers", "2", "--grpc-port", str(chosen), "--keys", str(keys)):
        yield chosen


@pytest.fixture(scope="module")
def client(port):
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as made:
        yield made


HEADERS = {"x-api-key": KEY}


def tensor(name, values, datatype="BYTES"):
    data = np.array(values, dtype=object if datatype == "BYTES" else None)
    made = triton.InferInput(name, list(data.shape), datatype)
    made.set_data_from_numpy(data)
    return made


def code_of(call):
    with pytest.raises(triton.InferenceServerException) as refused:
        call()
    return refused.value.status(), refused.value.message()


def test_health_and_metadata(client):
    assert client.is_server_live() and client.is_server_ready()  # without a key
    assert client.is_model_ready("image", headers=HEADERS)
    assert client.get_server_metadata(headers=HEADERS).name == "limbeck"
    told = client.get_model_metadata("text-ngram", headers=HEADERS)
    assert [(one.name, one.datatype, list(one.shape)) for one in told.inputs] == [("text", "BYTES", [-1])]
    index = client.get_model_repository_index(headers=HEADERS)
    assert {one.name: one.state for one in index.models} == dict.fromkeys(("text-ngram", "image", "table"), "READY")


def test_texts_and_pictures_are_answered_as_by_predict_proba(client):
    pictures = [Path(path).read_bytes() for path in rows_of("image")]
    for name, given, rows in (("text-ngram", tensor("text", TEXTS), TEXTS),
                              ("image", tensor("path", pictures), rows_of("image"))):  # fmt: skip
        found = client.infer(name, [given], request_id="7", headers=HEADERS, client_timeout=20)
        with limbeck.load(bundle_of(name)) as classifier:
            np.testing.assert_allclose(found.as_numpy("probabilities"), classifier.predict_proba(rows), atol=1e-6)
            assert [label.decode() for label in found.as_numpy("label")] == classifier.predict(rows)
        assert found.get_response().id == "7"


def test_numbers_may_be_sent_as_contents(port):
    from limbeck.serving.doors.grpc_messages import SERVICE, message_class

    request = message_class("ModelInferRequest")(model_name="table", model_version="")
    frame = rows_of("table")
    with limbeck.load(bundle_of("table")) as classifier:
        names, wanted = classifier.manifest.task.inputs, classifier.predict(frame)
    for name in names:
        cells = frame[name]
        if cells.dtype.is_numeric():
            one = request.inputs.add(name=name, datatype="FP64", shape=[len(cells)])
            one.contents.fp64_contents.extend(cells.cast(float).fill_null(float("nan")).to_list())
        else:
            one = request.inputs.add(name=name, datatype="BYTES", shape=[len(cells)])
            one.contents.bytes_contents.extend((text or "").encode() for text in cells.to_list())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.unary_unary(
            f"/{SERVICE}/ModelInfer", request_serializer=type(request).SerializeToString,
            response_deserializer=message_class("ModelInferResponse").FromString,
        )  # fmt: skip
        found = ask(request, metadata=[("authorization", f"Bearer {KEY}")], timeout=20)
        assert [text.decode() for text in found.outputs[1].contents.bytes_contents] == wanted
        request.inputs[0].shape[0] += 1
        with pytest.raises(grpc.RpcError) as refused:
            ask(request, metadata=[("authorization", f"Bearer {KEY}")], timeout=20)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_what_is_wrong_has_a_status_and_a_reason(client):
    good = tensor("text", TEXTS[:1])
    assert "UNAUTHENTICATED" in code_of(lambda: client.infer("text-ngram", [good]))[0]
    assert "NOT_FOUND" in code_of(lambda: client.infer("none", [good], headers=HEADERS))[0]
    status, reason = code_of(lambda: client.infer("text-ngram", [tensor("txt", TEXTS[:1])], headers=HEADERS))
    assert "INVALID_ARGUMENT" in status and "expected the input 'text'" in reason
    status, reason = code_of(lambda: client.infer("text-ngram", [tensor("text", [""])], headers=HEADERS))
    assert "INVALID_ARGUMENT" in status and "empty" in reason
    numbers = tensor("text", np.zeros(2, dtype=np.float32), "FP32")
    assert "INVALID_ARGUMENT" in code_of(lambda: client.infer("text-ngram", [numbers], headers=HEADERS))[0]
