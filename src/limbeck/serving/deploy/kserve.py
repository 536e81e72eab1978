"""KServe's resources: https://kserve.github.io/website/docs/reference/crd-api."""

from __future__ import annotations

from typing import Any

IMAGE = "limbeck:latest"
_HTTP, _GRPC = 8080, 8081


def serving_runtime(drain: float) -> dict[str, Any]:
    """Return a ``ServingRuntime`` that serves one bundle in a pod, by REST and gRPC."""
    probe = {"httpGet": {"path": "/v2/health/live", "port": _HTTP}, "periodSeconds": 10}
    ready = {"httpGet": {"path": "/v2/health/ready", "port": _HTTP}, "periodSeconds": max(1, int(drain / 2))}
    words = ["serve", "{{.Name}}=/mnt/models", "--host", "0.0.0.0", "--port", str(_HTTP)]  # noqa: S104 - in a pod
    container = {
        "name": "kserve-container",
        "image": IMAGE,
        "args": [*words, "--grpc-port", str(_GRPC), "--workers", "1", "--drain", f"{drain:g}"],
        "ports": [
            {"name": "http1", "containerPort": _HTTP, "protocol": "TCP"},
            {"name": "h2c", "containerPort": _GRPC, "protocol": "TCP"},
        ],
        "livenessProbe": probe,
        "readinessProbe": ready,
        "resources": {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod's own
    }
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "limbeck"},
        "spec": {
            "annotations": {"prometheus.kserve.io/port": str(_HTTP), "prometheus.kserve.io/path": "/metrics"},
            "supportedModelFormats": [{"name": "limbeck", "version": "1", "autoSelect": True}],
            "protocolVersions": ["v2", "grpc-v2"],
            "containers": [container],
            "volumes": [{"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}],
        },
    }


def inference_service(name: str) -> dict[str, Any]:
    """Return an ``InferenceService`` of a bundle that lies in a volume claim."""
    model = {
        "modelFormat": {"name": "limbeck"},
        "protocolVersion": "v2",
        "runtime": "limbeck",
        "storageUri": f"pvc://models/{name}",
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name},
        "spec": {"predictor": {"minReplicas": 1, "model": model}},
    }
