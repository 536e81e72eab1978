"""The Open Inference Protocol with unmodified clients of KServe, over HTTP and gRPC."""

from __future__ import annotations

import asyncio
import socket

import numpy as np
import pytest

import limbeck
from limbeck.serving.child import serving
from old_bundles import bundle_of, rows_of

kserve = pytest.importorskip("kserve", reason="kserve is not installed: make test-extras installs it")

TEXTS = rows_of("text-ngram")[:5]


@pytest.fixture(scope="module")
def places():
    """The addresses of a server for HTTP and for gRPC."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    named = [f"{name}={bundle_of(name)}" for name in ("text-ngram", "table")]
    with serving(named, "--workers", "1", "--grpc-port", str(port)) as server:
        yield server.address, f"127.0.0.1:{port}"


def texts_input(binary):
    given = kserve.InferInput("text", [len(TEXTS)], "BYTES")
    given.set_data_from_numpy(np.array(TEXTS, dtype=object), binary_data=binary)
    return given


def table_inputs():
    rows, given = rows_of("table"), []
    with limbeck.load(bundle_of("table")) as classifier:
        names, wanted = classifier.manifest.task.inputs, classifier.predict_proba(rows)
    for name in names:
        numeric = rows[name].dtype.is_numeric()
        cells = rows[name].cast(float) if numeric else rows[name].fill_null("")
        given.append(kserve.InferInput(name, [rows.height], "FP64" if numeric else "BYTES"))
        given[-1].set_data_from_numpy(np.array(cells.to_list(), dtype=np.float64 if numeric else object))
    return given, wanted


def check(found, wanted, labels=None):
    outputs = {one.name: one for one in found.outputs}
    np.testing.assert_allclose(outputs["probabilities"].as_numpy(), wanted, rtol=0, atol=1e-6)
    if labels is not None:
        told = outputs["label"].as_numpy().reshape(-1).tolist()
        assert [one.decode() if isinstance(one, bytes) else one for one in told] == labels


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_kserve_asks_for_health_and_answers(places, door):
    http, grpc = places
    with limbeck.load(bundle_of("text-ngram")) as classifier:
        wanted, labels = classifier.predict_proba(TEXTS), classifier.predict(TEXTS)
    tables, of_tables = table_inputs()

    async def over_http():
        client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
        assert await client.is_server_live(http) and await client.is_server_ready(http)
        assert await client.is_model_ready(http, "text-ngram")
        for binary in (True, False):
            request = kserve.InferRequest("text-ngram", [texts_input(binary)], request_id="7")
            found = await client.infer(http, request, model_name="text-ngram")
            assert found.id == "7"
            check(found, wanted, labels)
        check(await client.infer(http, kserve.InferRequest("table", tables), model_name="table"), of_tables)
        with pytest.raises(Exception, match="404"):
            await client.infer(http, kserve.InferRequest("none", [texts_input(True)]), model_name="none")

    async def over_grpc():
        async with kserve.InferenceGRPCClient(grpc) as client:
            assert await client.is_server_live() and await client.is_server_ready()
            assert await client.is_model_ready("text-ngram")
            check(await client.infer(kserve.InferRequest("text-ngram", [texts_input(True)])), wanted, labels)
            check(await client.infer(kserve.InferRequest("table", tables)), of_tables)

    asyncio.run(over_http() if door == "http" else over_grpc())
