"""The files that deploy a server."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from limbeck.cli.main import run
from limbeck.serving.deploy import as_yaml, kubernetes_name
from limbeck.serving.deploy.systemd import _quoted
from old_bundles import bundle_of


@pytest.fixture
def written(tmp_path):
    with pytest.raises(SystemExit) as ended:
        run(["serve", f"News.zh={bundle_of('text-ngram')}", "--write-kserve", str(tmp_path)])
    assert ended.value.code == 0
    return tmp_path


def test_kserve_gets_a_runtime_and_a_service(written):
    runtime, service = (
        yaml.safe_load((written / name).read_text()) for name in ("serving-runtime.yaml", "News.zh.yaml")
    )
    assert (runtime["apiVersion"], runtime["kind"]) == ("serving.kserve.io/v1alpha1", "ServingRuntime")
    (container,) = runtime["spec"]["containers"]
    assert container["name"] == "kserve-container"  # KServe merges the service's settings into the one of this name
    assert container["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {one["name"] for one in runtime["spec"]["volumes"]}
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert service["metadata"]["name"] == "news-zh"
    model = service["spec"]["predictor"]["model"]
    formats = runtime["spec"]["supportedModelFormats"]
    assert model["modelFormat"]["name"] == formats[0]["name"] and model["runtime"] == runtime["metadata"]["name"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]


def test_the_runtimes_command_is_one_that_limbeck_takes(written):
    from limbeck.cli.serve import serve

    runtime = yaml.safe_load((written / "serving-runtime.yaml").read_text())
    words = runtime["spec"]["containers"][0]["args"]
    context = serve.make_context("serve", [word.replace("{{.Name}}", "news") for word in words[1:]])
    assert context.params["bundles"] == ("news=/mnt/models",) and context.params["grpc_port"] == 8081


def test_the_image_runs_as_nobody_in_particular_without_torch(written):
    lines = (written / "Dockerfile").read_text().splitlines()
    assert any(line.startswith("USER 10001") for line in lines)
    assert not any("torch" in line or "[train" in line for line in lines if not line.startswith("#"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_no_fault_with_the_unit(written):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", written / "limbeck.service"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "limbeck" not in done.stderr, done.stderr


def test_words_of_a_unit_are_quoted():
    assert _quoted('a b"c$%') == '"a b\\"c$$%%"' and _quoted("plain=1") == "plain=1"


def test_yaml_reads_back_as_what_was_written():
    value = {"a": [{"b": ["x: y", "#", "", "是"], "c": {}}, [], {"d": {"e": 1.5, "f": None, "g": True}}], "h": "- 1"}
    assert yaml.safe_load(as_yaml(value)) == value
    assert kubernetes_name("A_b.C-") == "a-b-c"
