"""TorchServe's gRPC messages, as far as a portrait needs them.

TorchServe ships its protos inside its jar, which a client's machine does not have, and code
generated from them is bound to one version of protobuf. So the few fields are described here at
run time; names and numbers are those of `proto/inference.proto` of TorchServe 0.12, and a test
compares the bytes with what that file generates.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "org.pytorch.serve.grpc.inference"
PREDICTIONS = f"/{PACKAGE}.InferenceAPIsService/Predictions"

_FILE = "portrait_client.proto"
_Field = descriptor_pb2.FieldDescriptorProto


class Messages(NamedTuple):
    """The message classes of a prediction."""

    request: Any  # PredictionsRequest
    response: Any  # PredictionResponse


@lru_cache(maxsize=1)
def messages() -> Messages:
    """Describe them, once."""
    # a pool of our own: in the common one they would clash with generated stubs
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    classes = message_factory.GetMessageClassesForFiles([_FILE], pool)
    return Messages(classes[f"{PACKAGE}.PredictionsRequest"], classes[f"{PACKAGE}.PredictionResponse"])


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=PACKAGE, syntax="proto3")
    request = file.message_type.add(name="PredictionsRequest")
    _add(request, "model_name", 1, _Field.TYPE_STRING)
    _add(request, "model_version", 2, _Field.TYPE_STRING)
    # on the wire a map is a repeated message of key and value
    entry = request.nested_type.add(name="InputEntry", options={"map_entry": True})
    _add(entry, "key", 1, _Field.TYPE_STRING)
    _add(entry, "value", 2, _Field.TYPE_BYTES)
    field = _add(request, "input", 3, _Field.TYPE_MESSAGE, _Field.LABEL_REPEATED)
    field.type_name = f".{PACKAGE}.PredictionsRequest.InputEntry"
    response = file.message_type.add(name="PredictionResponse")
    _add(response, "prediction", 1, _Field.TYPE_BYTES)
    return file


def _add(
    message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: Any, label: Any = _Field.LABEL_OPTIONAL
) -> descriptor_pb2.FieldDescriptorProto:
    return message.field.add(name=name, number=number, type=kind, label=label)
