"""Protocol buffer messages from a table of their fields, for those that no package at hand brings."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    name: FIELD.Type.Value(f"TYPE_{name.upper()}")
    for name in ("bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64")
}


def build(package, messages, uses=()):
    """{name: message class}, in a pool of their own: another package that brings the same messages is not in the way.

    Args:
        package: what the messages' full names begin with.
        messages: {message: {field: (number, kind)}}. A kind is a scalar such as "int64", one of `messages`, or the full name
            of another message after a dot; "repeated KIND" for many, "map KIND" for many by a text.
        uses: file descriptors that full names are found in.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    file.dependency.extend(used.name for used in uses)
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            add_field(message, field, number, kind, package)
    pool = descriptor_pool.DescriptorPool()
    for used in uses:
        pool.AddSerializedFile(used.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{n}")) for n in messages}


def add_field(message, name, number, kind, package):
    """Adds a field to a `DescriptorProto`; for a map the entry's message too, which is how a map is written."""
    if kind.startswith("map "):
        entry = message.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        add_field(entry, "key", 1, "string", package)
        add_field(entry, "value", 2, kind.removeprefix("map "), package)
        kind = f"repeated .{package}.{message.name}.{entry.name}"
    label = FIELD.LABEL_REPEATED if kind.startswith("repeated ") else FIELD.LABEL_OPTIONAL
    kind = kind.removeprefix("repeated ")
    added = message.field.add(name=name, number=number, label=label, type=SCALARS.get(kind, FIELD.TYPE_MESSAGE))
    if kind not in SCALARS:
        added.type_name = kind if kind.startswith(".") else f".{package}.{kind}"
