"""The plain door, ``POST /predict``, for every kind."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

import limbeck
from old_bundles import bundle_of, rows_of
from serving.conftest import ask

TEXTS = rows_of("text-ngram")


def predict(server, **body):
    return ask(server.address, "/predict", body)


def form(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    body = b""
    for name, file, content in parts:
        named = f'; filename="{file}"' if file else ""
        body += f'--x1\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"
    return body + b"--x1--\r\n"


def test_texts_are_answered_with_errors_of_their_own(server):
    found = predict(server, model="text-ngram", texts=[*TEXTS[:2], "", None])
    assert found.status == 200
    with limbeck.load(bundle_of("text-ngram")) as classifier:
        wanted = classifier.answer([*TEXTS[:2], "", None]).to_dicts()
    assert found.json["version"] == wanted[0]["version"]
    for told, row in zip(found.json["predictions"], wanted, strict=True):
        assert (told["label"], told["error"]) == (row["label"], row["error"])
        assert told["probability"] == pytest.approx(row["probability"], abs=1e-6)


def test_the_most_probable_classes_another_threshold_and_explanations(server):
    plain = predict(server, model="text-ngram", texts=TEXTS[:3]).json["predictions"]
    top = predict(server, model="text-ngram", texts=TEXTS[:3], top=1, explain=True).json["predictions"]
    for one, whole in zip(top, plain, strict=True):
        assert list(one["probabilities"]) == [max(whole["probabilities"], key=whole["probabilities"].get)]
        assert all({"kind", "where", "weight"} == set(part) for part in one["explanation"])
    for threshold, label in ((0.0, 1), (1.0, 0)):
        found = predict(server, model="text-ngram", texts=TEXTS[:3], threshold=threshold).json
        with limbeck.load(bundle_of("text-ngram")) as classifier:
            positive = classifier.manifest.positive
            wanted = classifier.classes[positive if label else 1 - positive]
        assert {one["label"] for one in found["predictions"]} == {wanted} and found["threshold"] == threshold


def test_rows_of_a_table(server):
    rows = rows_of("table").to_dicts()
    found = predict(server, model="table", rows=rows).json["predictions"]
    with limbeck.load(bundle_of("table")) as classifier:
        assert [one["label"] for one in found] == classifier.predict(rows)


def test_windows_of_a_signal(server):
    windows = np.array(rows_of("signal")["signal"].to_list(), dtype=np.float32)[:2]
    found = predict(server, model="signal", signals=windows.tolist()).json["predictions"]
    with limbeck.load(bundle_of("signal")) as classifier:
        assert [one["label"] for one in found] == classifier.predict(windows)


def test_pictures_as_files_of_a_form_and_as_base64(server):
    files = [Path(path).read_bytes() for path in rows_of("image")[:2]]
    parts = [("model", None, b"image"), ("top", None, b"1"), *(("file", "a.png", file) for file in files),
             ("file", "b.png", b"no picture")]  # fmt: skip
    found = ask(server.address, "/predict", form(parts), Content_Type="multipart/form-data; boundary=x1")
    told = found.json["predictions"]
    again = predict(server, model="image", pictures=[base64.b64encode(file).decode() for file in files])
    with limbeck.load(bundle_of("image")) as classifier:
        labels = classifier.predict(rows_of("image")[:2])
    assert [one["label"] for one in told] == [*labels, None] and "picture" in told[2]["error"]
    assert [one["label"] for one in again.json["predictions"]] == labels


def test_a_path_is_no_picture(server):
    found = predict(server, model="image", pictures=[str(rows_of("image")[0])])
    assert found.status == 400 and "Base64" in found.json["error"]


@pytest.mark.parametrize("body, reason", [
    ({"texts": ["a"]}, "say which model"),
    ({"model": "text-ngram"}, "give one of texts"),
    ({"model": "text-ngram", "texts": "a"}, "expected a list"),
    ({"model": "text-ngram", "texts": [1]}, "expected a text"),
    ({"model": "text-ngram", "rows": [{}]}, "takes 'texts'"),
    ({"model": "text-ngram", "txts": ["a"]}, "unknown key 'txts'"),
    ({"model": "text-ngram", "texts": ["a"], "top": 0}, "top"),
    ({"model": "text-ngram", "texts": ["a"], "threshold": 2}, "threshold"),
    ({"model": "text-ngram", "texts": ["a"] * 65, "explain": True}, "at most 64"),
    ({"model": "table", "rows": [{"nothing": 1}]}, "nothing"),
    ({"model": "signal", "signals": [[1.0, "x"]]}, "windows"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_a_reason(server, body, reason):
    found = ask(server.address, "/predict", body)
    assert found.status in (200, 400, 413) and reason in found.body.decode(), found.body


@pytest.mark.parametrize("body, told", [
    (b"", "boundary"), (b"--x1", "breaks off"), (b"--x1\r\n\r\n\r\nabc\r\n--x1--", "no name"),
    (b"--x1\r\nabc\r\n--x1--", "no headers"), (form([("model", None, b"image")]), "no file"),
])  # fmt: skip
def test_a_damaged_form_is_refused(server, body, told):
    found = ask(server.address, "/predict", body, Content_Type="multipart/form-data; boundary=x1")
    assert found.status == 400 and told in found.json["error"]


def test_bytes_of_a_file_are_kept_as_they_are():
    from limbeck.serving.plain_door.multipart import read_form

    content = bytes(range(256)) + b"\r\n\r\n--x\r\n"
    parts = read_form(form([("file", "a", content), ("top", None, b"1")]), 'multipart/form-data; boundary="x1"')
    assert [(part.name, part.file, part.content) for part in parts] == [("file", True, content), ("top", False, b"1")]
