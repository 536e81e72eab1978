"""The OpenAPI 3.1 document of the server, ``/openapi.json``: https://spec.openapis.org/oas/v3.1.0."""

from __future__ import annotations

from typing import Any

from limbeck.kinds.tensors import NUMBERS
from limbeck.serving.oip.request import BOXES_AND_KINDS, CLASSES
from limbeck.version import __version__

_TEXT = {"type": "string"}
_ERROR = {
    "description": "why not",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_ERRORS = {"4XX": _ERROR, "5XX": _ERROR}


def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Limbeck", "version": __version__, "summary": "Open Inference Protocol and a plain door"},
        "security": [{}, {"bearer": []}, {"key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
            "schemas": _schemas(),
        },
    }


def _paths() -> dict[str, Any]:
    name = {"name": "name", "in": "path", "required": True, "schema": _TEXT}
    version = {"name": "version", "in": "path", "required": True, "schema": _TEXT}
    model = {"get": _get("The metadata of a model.", "Model")}
    ready = {"get": _get("Whether a model is ready.", "Ready")}
    infer = {"post": _post("Inference.", "Inference", "Inferred")}
    paths: dict[str, Any] = {
        "/predict": {"post": _post("Answers for people and scripts.", "Asked", "Answered")},
        "/v2": {"get": _get("The metadata of the server.", "Server")},
        "/v2/health/live": {"get": _get("Whether the server lives.", "Live")},
        "/v2/health/ready": {"get": _get("Whether every model answers.", "Ready")},
        "/v2/models/{name}": model | {"parameters": [name]},
        "/v2/models/{name}/ready": ready | {"parameters": [name]},
        "/v2/models/{name}/infer": infer | {"parameters": [name]},
        "/v2/models/{name}/versions/{version}": model | {"parameters": [name, version]},
        "/v2/models/{name}/versions/{version}/ready": ready | {"parameters": [name, version]},
        "/v2/models/{name}/versions/{version}/infer": infer | {"parameters": [name, version]},
        "/v2/repository/index": {"post": {"summary": "The models.", "responses": _responses("Index")}},
        "/metrics": {
            "get": {
                "summary": "Figures for Prometheus.",
                "responses": {"200": {"description": "figures", "content": {"text/plain": {"schema": _TEXT}}}}
                | _ERRORS,
            }
        },
    }
    for what in ("load", "unload", "candidate", "promote", "rollback"):
        paths[f"/v2/repository/models/{{name}}/{what}"] = {
            "parameters": [name],
            "post": _post(f"Change what is served: {what}.", "Change", "Route"),
        }
    return paths


def _get(summary: str, schema: str) -> dict[str, Any]:
    return {"summary": summary, "responses": _responses(schema)}


def _post(summary: str, asked: str, answered: str) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{asked}"}}}}
    return {"summary": summary, "requestBody": body, "responses": _responses(answered)}


def _responses(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"200": {"description": "done", "content": content}, **_ERRORS}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _schemas() -> dict[str, Any]:
    number, whole, boolean = {"type": "number"}, {"type": "integer"}, {"type": "boolean"}
    maybe = {"type": ["number", "null"]}
    parameters = {"type": "object"}
    datatype = {"enum": ["BYTES", *NUMBERS]}
    head: dict[str, Any] = {"name": _TEXT, "datatype": datatype, "shape": _list({"type": "integer", "minimum": -1})}
    rows: dict[str, Any] = {
        "texts": _list({"type": ["string", "null"]}),
        "rows": _list({"type": "object"}),
        "pictures": _list({"type": "string", "contentEncoding": "base64"}),
        "signals": _list({"type": "array"}),
    }
    box = _object(
        ("label", "score", "x0", "y0", "x1", "y1"), label=_TEXT, score=number, kind=_TEXT, kind_probability=number,
        **dict.fromkeys(("x0", "y0", "x1", "y1"), number),
    )  # fmt: skip
    prediction = _object(
        label={"type": ["string", "null"]}, probability=maybe, margin=maybe, error={"type": ["string", "null"]},
        probabilities={"type": ["object", "null"], "additionalProperties": number},
        labels={"type": ["array", "null"], "items": _TEXT},
        explanation={"type": ["array", "null"]}, boxes={"type": ["array", "null"], "items": box},
        width={"type": ["integer", "null"]}, height={"type": ["integer", "null"]},
    )  # fmt: skip
    tensor = _object(("name", "datatype", "shape"), **head, data={"type": "array"}, parameters=parameters)
    wanted = _object(("name",), name={"enum": [*CLASSES.outputs, *BOXES_AND_KINDS.outputs]}, parameters=parameters)
    return {
        "Error": _object(("error",), error=_TEXT),
        "Live": _object(("live",), live=boolean),
        "Ready": _object(("ready",), name=_TEXT, ready=boolean),
        "Server": _object(("name", "version", "extensions"), name=_TEXT, version=_TEXT, extensions=_list(_TEXT)),
        "Model": _object(
            ("name", "versions", "platform", "inputs", "outputs"),
            name=_TEXT, versions=_list(_TEXT), platform=_TEXT, inputs=_list(_object(**head)),
            outputs=_list(_object(**head)), parameters=parameters,
        ),
        "Index": _list(_object(("name",), name=_TEXT, version=_TEXT, state=_TEXT, reason=_TEXT)),
        "Inference": _object(
            ("inputs",), id=_TEXT, parameters=parameters, inputs=_list(tensor), outputs=_list(wanted)
        ),
        "Inferred": _object(
            ("model_name", "model_version", "outputs"),
            model_name=_TEXT, model_version=_TEXT, id=_TEXT, outputs=_list(tensor),
        ),
        "Asked": _object(
            **rows, model=_TEXT, version=_TEXT, top=whole | {"minimum": 1}, explain=boolean,
            threshold=number | {"minimum": 0, "maximum": 1}, timeout=number | {"minimum": 0},
        ) | {"oneOf": [{"required": [many]} for many in rows]},
        "Answered": _object(
            ("model", "version", "predictions"),
            model=_TEXT, version=_TEXT, threshold=number,
            thresholds={"type": "object", "additionalProperties": number}, predictions=_list(prediction),
        ),
        "Change": _object(parameters=parameters, source=_TEXT, share=number, shadow=boolean),
        "Route": {"type": "object"},
    }  # fmt: skip
