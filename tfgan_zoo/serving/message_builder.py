"""Builds protocol buffer messages from a table of their fields, for messages that no installed package defines."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    name: FIELD.Type.Value(f"TYPE_{name.upper()}")
    for name in ("bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64")
}


def build(
    package: str, messages: Mapping[str, Mapping[str, tuple[int, str]]], dependencies: Sequence[Any] = ()
) -> dict[str, Any]:
    """{name: message class}, in a descriptor pool of their own, so that another definition of the same names cannot clash.

    Args:
        package: prefix of the messages' full names.
        messages: {message: {field: (number, type)}}. A type is a scalar such as "int64", one of `messages`, or a dot and the
            full name of another message; "repeated TYPE" is a list, "map TYPE" a map from strings.
        dependencies: file descriptors that define the full names.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    file.dependency.extend(dependency.name for dependency in dependencies)
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, type_name) in fields.items():
            add_field(message, field, number, type_name, package)
    pool = descriptor_pool.DescriptorPool()
    for dependency in dependencies:
        pool.AddSerializedFile(dependency.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{n}")) for n in messages}


def add_field(message: Any, name: str, number: int, type_name: str, package: str) -> None:
    """Adds a field to a `DescriptorProto`. A map is a repeated field of entries, whose message it adds too."""
    if type_name.startswith("map "):
        entry = message.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        add_field(entry, "key", 1, "string", package)
        add_field(entry, "value", 2, type_name.removeprefix("map "), package)
        type_name = f"repeated .{package}.{message.name}.{entry.name}"
    label = FIELD.LABEL_REPEATED if type_name.startswith("repeated ") else FIELD.LABEL_OPTIONAL
    type_name = type_name.removeprefix("repeated ")
    field = message.field.add(name=name, number=number, label=label, type=SCALARS.get(type_name, FIELD.TYPE_MESSAGE))
    if type_name not in SCALARS:
        field.type_name = type_name if type_name.startswith(".") else f".{package}.{type_name}"
