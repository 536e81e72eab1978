"""The messages of the protocol's gRPC service, ``inference.GRPCInferenceService``, as a table of their fields.

They are those of https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/open_inference_grpc.proto
and, of the repository, those of Triton's grpc_service.proto. They are made in a pool of their own, so that a client's
generated messages of the same names can be loaded beside them.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "inference.GRPCInferenceService"
_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "bool": _FIELD.TYPE_BOOL, "int32": _FIELD.TYPE_INT32, "int64": _FIELD.TYPE_INT64, "uint32": _FIELD.TYPE_UINT32,
    "uint64": _FIELD.TYPE_UINT64, "float": _FIELD.TYPE_FLOAT, "double": _FIELD.TYPE_DOUBLE,
    "string": _FIELD.TYPE_STRING, "bytes": _FIELD.TYPE_BYTES,
}  # fmt: skip
_PARAMETERS = "parameters map InferParameter"
_TENSOR = ("name string", "datatype string", "shape repeated int64", _PARAMETERS, "contents InferTensorContents")
# Message -> "name [repeated|map|oneof] type[=number]" of its fields; numbers rise from 1 where none is given.
_MESSAGES: dict[str, tuple[str, ...]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": ("live bool",),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ("ready bool",),
    "ModelReadyRequest": ("name string", "version string"),
    "ModelReadyResponse": ("ready bool",),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": ("name string", "version string", "extensions repeated string"),
    "ModelMetadataRequest": ("name string", "version string"),
    "TensorMetadata": ("name string", "datatype string", "shape repeated int64"),
    "ModelMetadataResponse": (
        "name string", "versions repeated string", "platform string", "inputs repeated TensorMetadata",
        "outputs repeated TensorMetadata",
    ),
    "InferParameter": (
        "bool_param oneof bool", "int64_param oneof int64", "string_param oneof string", "double_param oneof double",
        "uint64_param oneof uint64",
    ),
    "InferTensorContents": (
        "bool_contents repeated bool", "int_contents repeated int32", "int64_contents repeated int64",
        "uint_contents repeated uint32", "uint64_contents repeated uint64", "fp32_contents repeated float",
        "fp64_contents repeated double", "bytes_contents repeated bytes",
    ),
    "InferInputTensor": _TENSOR,
    "InferRequestedOutputTensor": ("name string", _PARAMETERS),
    "InferOutputTensor": _TENSOR,
    "ModelInferRequest": (
        "model_name string", "model_version string", "id string", _PARAMETERS, "inputs repeated InferInputTensor",
        "outputs repeated InferRequestedOutputTensor", "raw_input_contents repeated bytes",
    ),
    "ModelInferResponse": (
        "model_name string", "model_version string", "id string", _PARAMETERS, "outputs repeated InferOutputTensor",
        "raw_output_contents repeated bytes",
    ),
    "RepositoryIndexRequest": ("repository_name string", "ready bool"),
    "ModelIndex": ("name string", "version string", "state string", "reason string"),
    "RepositoryIndexResponse": ("models repeated ModelIndex",),
}  # fmt: skip


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="limbeck/inference.proto", package="inference", syntax="proto3")
    for name, fields in _MESSAGES.items():
        made = file.message_type.add(name=name)
        for number, line in enumerate(fields, 1):
            _add(made, number, line.split())
    return file


def _add(made: Any, number: int, words: list[str]) -> None:
    name, *how, kind = words
    field = made.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
    if "map" in how:  # as protoc writes a map: repeated entries of a nested message
        entry = made.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _add(entry, 1, ["key", "string"])
        _add(entry, 2, ["value", kind])
        field.label = _FIELD.LABEL_REPEATED
        kind = f"{made.name}.{entry.name}"
    elif "repeated" in how:
        field.label = _FIELD.LABEL_REPEATED
    elif "oneof" in how:
        if not made.oneof_decl:
            made.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".inference.{kind}"


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())


def message_class(name: str) -> Any:
    """Return the class of a message of the service."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"inference.{name}"))
