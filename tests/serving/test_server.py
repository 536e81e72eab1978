"""The life of a server: start, keys, logs, figures, graceful stop, and its end with its parent."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import limbeck
from limbeck.errors import LimbeckError
from limbeck.serving.child import serving
from limbeck.serving.keys import VARIABLE, Keys
from limbeck.serving.logs import trace_of
from limbeck.serving.metrics import Ledger
from limbeck.serving.processes.control import alive
from limbeck.serving.settings import named_bundles
from old_bundles import bundle_of, rows_of
from serving.conftest import ask

TEXTS = rows_of("text-ngram")
NGRAM = bundle_of("text-ngram")


def until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def workers_of(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in told.split()]


def test_a_bundle_that_cannot_be_served_is_told_in_one_line(tmp_path):
    own = Path(shutil.copytree(NGRAM, tmp_path / "bundle"))
    (own / "model.onnx").write_bytes(b"no model")
    with pytest.raises(LimbeckError, match=r"model\.onnx: damaged"), serving([own]):
        pass
    with pytest.raises(LimbeckError, match="not a bundle"), serving([tmp_path]):
        pass


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(LimbeckError, match="cannot listen"), serving([NGRAM], "--port", port):
            pass


def test_keys_are_wanted_where_there_are_some(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# ours\nprediction-key-1\nadministration-key admin\n")
    keys.chmod(0o600)
    with serving([f"a={NGRAM}"], "--workers", "1", "--keys", str(keys), "--control") as child:
        body = {"texts": TEXTS[:1]}
        assert ask(child.address, "/v2/health/ready").status == 200
        assert ask(child.address, "/predict", body).status == 401
        assert ask(child.address, "/predict", body, Authorization="Bearer prediction-key-2").status == 401
        assert ask(child.address, "/predict", body, Authorization="Bearer prediction-key-1").status == 200
        assert ask(child.address, "/predict", body, X_API_Key="administration-key").status == 200
        unload = "/v2/repository/models/a/unload"
        assert ask(child.address, unload, {}, X_API_Key="prediction-key-1").status == 403
        assert ask(child.address, unload, {}, X_API_Key="administration-key").status == 200
        assert ask(child.address, "/v2/models/a/ready", X_API_Key="prediction-key-1").status == 404
        assert ask(child.address, "/v2/repository/models/a/load", {}, X_API_Key="administration-key").status == 200
        assert ask(child.address, "/predict", body, X_API_Key="prediction-key-1").status == 200


def test_sigterm_says_not_ready_answers_what_comes_and_ends(tmp_path):
    with serving([f"a={NGRAM}"], "--workers", "1", "--drain", "2") as child:
        host, port = child.address.removeprefix("http://").split(":")
        kept = http.client.HTTPConnection(host, int(port), timeout=10)
        kept.request("GET", "/v2/health/ready")
        assert kept.getresponse().read() == b'{"ready":true}'
        child.process.send_signal(signal.SIGTERM)
        until(lambda: ask(child.address, "/v2/health/ready").status == 503)
        kept.request("POST", "/predict", json.dumps({"texts": TEXTS[:1]}))
        found = kept.getresponse()
        assert found.status == 200 and found.getheader("connection") == "close"
        assert child.process.wait(10) == 0


def test_a_request_in_flight_is_finished_before_the_end(tmp_path):
    many = {"texts": TEXTS * (10_000 // len(TEXTS))}
    with serving([f"a={NGRAM}"], "--workers", "1", "--max-bytes", str(2**27)) as child:
        found = []
        asking = threading.Thread(target=lambda: found.append(ask(child.address, "/predict", many)))
        asking.start()
        until(lambda: b" 0\n" not in re.search(rb"waiting_rows\S* \d+\n", ask(child.address, "/metrics").body)[0])
        child.process.terminate()
        asking.join(30)
        assert found[0].status == 200 and len(found[0].json["predictions"]) == len(many["texts"])


def test_workers_end_when_the_main_process_is_killed():
    with serving([f"a={NGRAM}"], "--workers", "2") as child:
        workers = workers_of(child.process.pid)
        assert len(workers) == 2
        child.process.kill()
        until(lambda: not any(alive(pid) and running(pid) for pid in workers))
        with pytest.raises(OSError):
            ask(child.address, "/v2")


def running(pid: int) -> bool:
    """Whether a process is no zombie: in a container nobody may collect orphans."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_worker_is_replaced():
    with serving([f"a={NGRAM}"], "--workers", "2") as child:
        first = workers_of(child.process.pid)
        os.kill(first[0], signal.SIGKILL)
        until(lambda: len(set(workers_of(child.process.pid)) - set(first)) == 1)
        assert ask(child.address, "/predict", {"texts": TEXTS[:1]}).status == 200


def test_a_request_waits_for_the_models_of_a_worker_that_has_just_begun():
    with serving([f"a={NGRAM}"], "--workers", "1") as child:
        os.kill(workers_of(child.process.pid)[0], signal.SIGKILL)
        found = []

        def taken() -> bool:
            try:
                found.append(ask(child.address, "/predict", {"texts": TEXTS[:1]}))
            except OSError:  # nobody listens yet
                return False
            return True

        until(taken)
        assert found[0].status == 200


def test_the_server_ends_with_the_program_that_started_it(tmp_path):
    code = (
        "import os, sys\nfrom limbeck.serving.child import serving\n"
        "with serving([sys.argv[1]], '--workers', '1') as child:\n"
        "    print(child.process.pid, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(NGRAM)], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    until(lambda: not running(pid))


def test_figures_of_all_workers_are_added_up(server):
    def rows():
        text = ask(server.address, "/metrics").body.decode()
        return sum(float(n) for n in re.findall(r'^limbeck_rows_total\{model="table".*\} (\d+)$', text, re.MULTILINE))

    before, table = rows(), rows_of("table").to_dicts()
    for _ in range(12):  # each on a connection of its own, so that both workers answer some
        assert ask(server.address, "/predict", {"model": "table", "rows": table[:2]}).status == 200
    until(lambda: rows() == before + 24)


def test_the_exposition_is_what_prometheus_reads(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.add("limbeck_requests_total", {"model": 'a"b\\c\nd', "door": "oip", "status": "200"}, 3)
    ledger.observe((("model", "a"),), 0.003)
    ledger.observe((("model", "a"),), 99.0)
    ledger.flush()
    text = ledger.exposition()
    assert 'limbeck_requests_total{model="a\\"b\\\\c\\nd",door="oip",status="200"} 3' in text
    assert 'limbeck_request_seconds_bucket{model="a",le="0.005"} 1' in text
    assert 'limbeck_request_seconds_bucket{model="a",le="+Inf"} 2' in text
    assert 'limbeck_request_seconds_sum{model="a"} 99.003' in text


def test_logs_are_json_lines_with_the_trace_and_without_rows(server, server_log):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    ask(server.address, "/predict", {"model": "text-ngram", "texts": ["秘密的话"]}, traceparent=trace)
    lines = server_log.read_text("utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    mine = next(one for one in told if one.get("trace_id") == trace[3:35])
    assert (mine["path"], mine["status"], mine["model"]) == ("/predict", 200, "text-ngram")
    assert not any("秘密" in line for line in lines)
    assert trace_of("00-" + "0" * 32 + "-00f067aa0ba902b7-01") == trace_of("x") == {}


@pytest.mark.parametrize("text, reason", [
    ("short", "16 characters"), ("long-enough-for-a-key owner", "roles are"), ("long-enough-for-a-key a b", "a role"),
])  # fmt: skip
def test_damaged_files_of_keys_are_refused(tmp_path, text, reason):
    keys = tmp_path / "keys"
    keys.write_text(text)
    keys.chmod(0o600)
    with pytest.raises(LimbeckError, match=reason):
        Keys.read(keys)


def test_keys_that_others_may_read_are_refused_and_those_of_the_environment_are_read(tmp_path, monkeypatch):
    keys = tmp_path / "keys"
    keys.write_text("long-enough-for-a-key")
    keys.chmod(0o644)
    with pytest.raises(LimbeckError, match="others may read it"):
        Keys.read(keys)
    monkeypatch.setenv(VARIABLE, "long-enough-for-a-key, another-long-enough-key")
    Keys.read(None).check("", "another-long-enough-key")


def test_names_of_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert named_bundles(["bundles/a", "b=bundles/a", "models:c@0123abcd"]) == {
        "a": str(tmp_path / "bundles/a"), "b": str(tmp_path / "bundles/a"), "c": "models:c@0123abcd",
    }  # fmt: skip
    for wrong in (["a", "x/a"], ["=a"], ["a b=c"], ["情感=c"]):
        with pytest.raises(LimbeckError):
            named_bundles(wrong)


def test_serving_needs_neither_torch_nor_django():
    code = (
        "import sys, limbeck.serving.processes.granian_server, limbeck.serving.doors.rsgi\n"
        "print({*sys.modules} & {'torch', 'django', 'transformers', 'sklearn', 'scipy'})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_asgi_door_answers_as_the_other_one(server, tmp_path):
    from limbeck.serving.processes.control import Shared
    from limbeck.serving.settings import RUN, Settings

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    Shared.made(tmp_path, Settings({"text-ngram": str(NGRAM)}, most_bytes=2**20))
    env = os.environ | {RUN: str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "--factory",
             "--no-ws", "limbeck.serving.doors.asgi:Application"]  # fmt: skip
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        other = f"http://127.0.0.1:{port}"

        def ready():
            try:
                return ask(other, "/v2/health/ready").status == 200
            except OSError:
                return False

        until(ready)
        for body in ({"texts": TEXTS[:3], "model": "text-ngram"}, {"texts": 1}, b"{"):
            mine, its = ask(other, "/predict", body), ask(server.address, "/predict", body)
            assert (mine.status, mine.body) == (its.status, its.body)
        assert limbeck.__version__.encode() in ask(other, "/v2").body
    finally:
        process.terminate()
        process.wait(20)
