"""A bundle that finds boxes behind the server: the same boxes by every door, alone and in batches."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import limbeck
from detect.scenes import scene
from limbeck.serving.child import Child, serving
from serving.conftest import ask
from serving.test_server import until

SIZES = ((160, 96), (320, 192), (240, 144))


@pytest.fixture(scope="module")
def bundle(detector: Path) -> Path:
    return detector


@pytest.fixture(scope="module")
def pictures(bundle: Path) -> list[bytes]:
    """Pictures of other sizes, one of them empty."""
    seeds = sorted(range(50, 70), key=lambda seed: -len(scene(seed)[1]))
    drawn = [scene(seed)[0].resize(size) for seed, size in zip(seeds, SIZES, strict=False)]
    drawn.append(Image.new("RGB", (80, 60)))
    out = []
    for picture in drawn:
        file = BytesIO()
        picture.save(file, "PNG")
        out.append(file.getvalue())
    return out


@pytest.fixture(scope="module")
def shapes(bundle: Path, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A server with the detector alone."""
    log = tmp_path_factory.mktemp("serving") / "boxes.log"
    grpc = ["--grpc-port", str(port)] if find_spec("grpc") else []
    with serving([f"shapes={bundle}"], "--workers", "1", *grpc, log=log) as child:
        yield child


@pytest.fixture(scope="module")
def expected(bundle: Path, pictures: list[bytes]) -> list[list[dict[str, Any]]]:
    """What the bundle answers from Python."""
    with limbeck.load(bundle) as detector:
        return [found.rows() for found in detector.detect([Image.open(BytesIO(one)) for one in pictures])]


@pytest.fixture(scope="module")
def port() -> int:
    """A free port for gRPC."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def plain(pictures: list[bytes], **options: Any) -> dict[str, Any]:
    return {"pictures": [base64.b64encode(one).decode() for one in pictures], **options}


def same(told: list[dict[str, Any]], expected: list[dict[str, Any]], name: str = "label") -> None:
    assert [one[name] for one in told] == [one["class"] for one in expected]
    for key in ("score", "x0", "y0", "x1", "y1"):
        np.testing.assert_allclose([one[key] for one in told], [one[key] for one in expected], atol=1e-3)


def test_the_plain_door_answers_with_the_boxes_of_the_bundle(
    shapes: Child, pictures: list[bytes], expected: list[list[dict[str, Any]]]
) -> None:
    assert sum(map(len, expected)) >= 3
    answer = ask(shapes.address, "/predict", plain(pictures))
    assert answer.status == 200, answer.body
    told = answer.json["predictions"]
    for one, wanted, size in zip(told, expected, (*SIZES, (80, 60)), strict=True):
        same(one["boxes"], wanted)
        assert (one["width"], one["height"], one["error"]) == (*size, None)
    for picture, wanted in zip(pictures, expected, strict=True):
        same(ask(shapes.address, "/predict", plain([picture])).json["predictions"][0]["boxes"], wanted)


def test_threshold_and_top_are_those_of_the_request(shapes: Child, pictures: list[bytes], bundle: Path) -> None:
    with limbeck.load(bundle) as detector:
        wanted = detector.detect([Image.open(BytesIO(pictures[0]))], threshold=0.02)[0].rows()
    told = ask(shapes.address, "/predict", plain(pictures[:1], threshold=0.02)).json["predictions"][0]["boxes"]
    same(told, wanted)
    few = ask(shapes.address, "/predict", plain(pictures[:1], threshold=0.02, top=1)).json["predictions"][0]["boxes"]
    assert few == told[:1]


def test_one_bad_picture_costs_the_others_nothing(shapes: Child, pictures: list[bytes]) -> None:
    told = ask(shapes.address, "/predict", plain([pictures[0], b"no picture"])).json["predictions"]
    assert told[0]["boxes"] and told[1]["boxes"] is None and told[1]["error"]
    assert ask(shapes.address, "/predict", plain(pictures, explain=True)).status == 400
    assert ask(shapes.address, "/predict", {"texts": ["x"]}).status == 400
    assert ask(shapes.address, "/predict", {"pictures": []}).json["predictions"] == []


def test_the_protocol_answers_with_padded_tensors(
    shapes: Child, pictures: list[bytes], expected: list[list[dict[str, Any]]]
) -> None:
    told = ask(shapes.address, "/v2/models/shapes").json
    assert [(one["name"], one["shape"]) for one in told["outputs"]] == [
        ("boxes", [-1, -1, 4]), ("scores", [-1, -1]), ("labels", [-1, -1]),
    ]  # fmt: skip
    assert told["parameters"]["boxes"] is True and set(told["parameters"]["thresholds"]) == set(
        told["parameters"]["classes"]
    )
    data = [base64.b64encode(one).decode() for one in pictures]
    name = told["inputs"][0]["name"]
    body = {"inputs": [{"name": name, "datatype": "BYTES", "shape": [len(data)], "data": data}]}
    answer = ask(shapes.address, "/v2/models/shapes/infer", body)
    assert answer.status == 200, answer.body
    outputs = {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in answer.json["outputs"]}
    most = max(map(len, expected))
    assert outputs["boxes"].shape == (len(pictures), most, 4) and outputs["labels"].shape == (len(pictures), most)
    for at, wanted in enumerate(expected):
        n = len(wanted)
        assert outputs["labels"][at].tolist() == [one["class"] for one in wanted] + [""] * (most - n)
        np.testing.assert_allclose(outputs["scores"][at, :n], [one["score"] for one in wanted], atol=1e-5)
        edges = [[one[key] for key in ("x0", "y0", "x1", "y1")] for one in wanted]
        np.testing.assert_allclose(outputs["boxes"][at, :n], np.array(edges).reshape(n, 4), atol=1e-3)
        assert not outputs["scores"][at, n:].any()
    wrong = {**body, "outputs": [{"name": "probabilities"}]}
    refused = ask(shapes.address, "/v2/models/shapes/infer", wrong)
    assert refused.status == 400 and b"boxes" in refused.body


def test_unmodified_clients_read_the_boxes(
    shapes: Child, pictures: list[bytes], expected: list[list[dict[str, Any]]]
) -> None:
    http = pytest.importorskip("tritonclient.http")
    given = np.array(pictures, dtype=np.object_)
    name = ask(shapes.address, "/v2/models/shapes").json["inputs"][0]["name"]
    tensor = http.InferInput(name, [len(pictures)], "BYTES")
    tensor.set_data_from_numpy(given)
    client = http.InferenceServerClient(shapes.address.removeprefix("http://"))
    found = client.infer("shapes", [tensor])
    assert found.as_numpy("boxes").shape[0] == len(pictures)
    assert found.as_numpy("labels")[0, : len(expected[0])].tolist() == [one["class"].encode() for one in expected[0]]


def test_grpc_answers_as_http_does(shapes: Child, port: int, pictures: list[bytes]) -> None:
    triton = pytest.importorskip("tritonclient.grpc")
    http = ask(shapes.address, "/predict", plain(pictures)).json["predictions"]
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        told = client.get_model_metadata("shapes")
        tensor = triton.InferInput(told.inputs[0].name, [len(pictures)], "BYTES")
        tensor.set_data_from_numpy(np.array(pictures, dtype=np.object_))
        found = client.infer("shapes", [tensor])
    for at, one in enumerate(http):
        scores = found.as_numpy("scores")[at, : len(one["boxes"])]
        np.testing.assert_allclose(scores, [box["score"] for box in one["boxes"]], atol=1e-5)
    assert found.as_numpy("labels").shape == found.as_numpy("boxes").shape[:2]


def test_metrics_count_boxes_by_class(shapes: Child, pictures: list[bytes]) -> None:
    ask(shapes.address, "/predict", plain(pictures))

    def counted() -> bool:
        return b'limbeck_boxes_total{model="shapes"' in ask(shapes.address, "/metrics").body

    until(counted)


def test_the_document_describes_the_answer(shapes: Child, pictures: list[bytes]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    document = ask(shapes.address, "/openapi.json").json
    schema = {"$ref": "#/components/schemas/Answered", "components": document["components"]}
    jsonschema.validate(ask(shapes.address, "/predict", plain(pictures)).json, schema)
    assert json.dumps(document)
