"""Versions of a served model: replaced under load, a shadow, a share, promotion and the way back."""

from __future__ import annotations

import re
import shutil
import threading
from http.client import HTTPConnection
from json import dumps, loads

import pytest

from limbeck import registry
from limbeck.serving.child import serving
from limbeck.serving.repository import Route, promoted, rolled_back
from old_bundles import bundle_of, rows_of
from serving.conftest import ask

KEY = "administration-key"
TEXTS = rows_of("text-ngram")


@pytest.fixture(scope="module")
def two(tmp_path_factory, request):
    """A server with two workers that may be changed, and two versions of one model in its registry."""
    home = tmp_path_factory.mktemp("home")
    keys = home / "keys"
    keys.write_text(f"{KEY} admin\n")
    keys.chmod(0o600)
    patch = pytest.MonkeyPatch()
    patch.setenv("LIMBECK_HOME", str(home))
    first, second = (registry.add(bundle_of(name), "m").version for name in ("text-ngram", "text-gru"))
    options = ["--workers", "2", "--control", "--keys", str(keys)]
    with serving([f"m=models:m@{first}"], *options) as child:
        yield child, first, second, home
    patch.undo()


def change(child, what, **body):
    found = ask(child.address, f"/v2/repository/models/m/{what}", body, X_API_Key=KEY)
    assert found.status == 200, found.body
    return found.json


def versions(child, times=40):
    """The versions that answer, each request on a connection of its own."""
    asked = {"texts": TEXTS[:1]}
    return [ask(child.address, "/predict", asked, X_API_Key=KEY).json["version"] for _ in range(times)]


def test_a_version_is_replaced_under_load_without_a_failed_request(two):
    child, first, second, _ = two
    host, port = child.address.removeprefix("http://").split(":")
    answered, stop = [], threading.Event()

    def load():
        line = HTTPConnection(host, int(port), timeout=30)  # kept alive
        while not stop.is_set():
            line.request("POST", "/predict", dumps({"texts": TEXTS[:2]}), {"X-API-Key": KEY})
            found = line.getresponse()
            answered.append((found.status, loads(found.read()).get("version")))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        change(child, "load", parameters={"source": f"models:m@{second}"})
        after = versions(child, 8)
        change(child, "rollback")
        again = versions(child, 8)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(after) == {second} and set(again) == {first}  # on every worker, once the change is answered
    assert {status for status, _ in answered} == {200} and len(answered) > 20


def test_a_candidate_answers_its_share_and_is_found_by_version(two):
    child, first, second, _ = two
    change(child, "candidate", source=f"models:m@{second}", share=0.5)
    assert set(versions(child, 60)) == {first, second}
    by_version = ask(child.address, f"/v2/models/m/versions/{second}", X_API_Key=KEY)
    assert by_version.status == 200 and set(by_version.json["versions"]) == {first, second}
    assert change(child, "promote")["previous"] == f"models:m@{first}"
    assert set(versions(child, 8)) == {second}
    change(child, "rollback")
    assert set(versions(child, 8)) == {first}


def test_a_shadow_answers_nobody_and_its_differences_are_counted(two):
    child, first, second, _ = two
    change(child, "candidate", source=f"models:m@{second}", shadow=True)
    rows = [*TEXTS, *TEXTS]
    found = ask(child.address, "/predict", {"texts": rows}, X_API_Key=KEY)
    assert found.json["version"] == first
    mine = [one["label"] for one in found.json["predictions"]]
    other = {"texts": rows, "version": second}
    its = [one["label"] for one in ask(child.address, "/predict", other, X_API_Key=KEY).json["predictions"]]
    differ = sum(a != b for a, b in zip(mine, its, strict=True))

    def counted(name):
        text = ask(child.address, "/metrics", X_API_Key=KEY).body.decode()
        return sum(int(n) for n in re.findall(rf"^limbeck_shadow_{name}_total\S* (\d+)$", text, re.MULTILINE))

    for _ in range(200):
        if counted("rows") >= len(rows):
            break
    assert counted("rows") == len(rows) and counted("different_labels") == differ
    change(child, "rollback")


def test_a_source_that_cannot_be_loaded_changes_nothing(two):
    child, first, second, home = two
    for source, reason in (("models:m@0000000000000000", "no version"), ("models:none", "no model"),
                           (str(bundle_of("text-gru")), "registry"), ("../x", "registry")):  # fmt: skip
        body = {"parameters": {"source": source}}
        found = ask(child.address, "/v2/repository/models/m/load", body, X_API_Key=KEY)
        assert found.status == 400 and reason in found.json["error"]
    damaged = shutil.copytree(home / "models" / "m" / second, home / "models" / "m" / "0123456789abcdef")
    (damaged / "model.onnx").chmod(0o644)
    (damaged / "model.onnx").write_bytes(b"x")
    body = {"parameters": {"source": "models:m@0123456789abcdef"}}
    found = ask(child.address, "/v2/repository/models/m/load", body, X_API_Key=KEY)
    assert found.status == 400 and "damaged" in found.json["error"]
    shutil.rmtree(damaged)
    assert set(versions(child, 4)) == {first}


def test_the_version_in_use_of_the_registry_is_followed(two):
    child, first, second, _ = two
    change(child, "load", parameters={"source": f"models:m@{first}"})
    with serving(["m=models:m"], "--workers", "1") as other:

        def until_only(version):
            return any(versions(other, 1) == [version] for _ in range(500))

        assert until_only(first)
        registry.promote(f"m@{second}")
        assert until_only(second)
        registry.rollback("m")
        assert until_only(first)


def test_changes_that_cannot_be_made_are_refused(two):
    child = two[0]
    for what, body, status in (("promote", {}, 409), ("candidate", {"source": "models:m", "share": 2}, 400),
                               ("candidate", {"share": 0.1}, 400)):  # fmt: skip
        assert ask(child.address, f"/v2/repository/models/m/{what}", body, X_API_Key=KEY).status == status
    assert ask(child.address, "/v2/repository/models/other/unload", {}, X_API_Key=KEY).status == 404


def test_a_route_is_promoted_and_rolled_back():
    route = Route("models:a@1", candidate="models:a@2", share=0.1)
    assert promoted(route) == Route("models:a@2", previous="models:a@1")
    assert rolled_back(route) == Route("models:a@1")
    assert rolled_back(promoted(route)) == Route("models:a@1", previous="models:a@2")
