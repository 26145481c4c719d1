"""The messages of Sparkplug B 3.0 as Protocol Buffers know them.

Described here instead of generated: the wire needs field numbers and types only, and no
compiler has to run when they are read. Data sets and templates are passed over.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_U32, _U64, _FLOAT = _Field.TYPE_UINT32, _Field.TYPE_UINT64, _Field.TYPE_FLOAT
_DOUBLE, _BOOL, _TEXT = _Field.TYPE_DOUBLE, _Field.TYPE_BOOL, _Field.TYPE_STRING
_BYTES, _MESSAGE = _Field.TYPE_BYTES, _Field.TYPE_MESSAGE

# name, number, type, name of the message when the type is one; `*` marks a repeated field and
# `|` one of the alternatives of `value`
_MESSAGES: dict[str, tuple[tuple[str, int, Any, str], ...]] = {
    "PropertyValue": (
        ("type", 1, _U32, ""),
        ("is_null", 2, _BOOL, ""),
        ("|string_value", 8, _TEXT, ""),
    ),
    "PropertySet": (("*keys", 1, _TEXT, ""), ("*values", 2, _MESSAGE, "PropertyValue")),
    "Metric": (
        ("name", 1, _TEXT, ""),
        ("alias", 2, _U64, ""),
        ("timestamp", 3, _U64, ""),
        ("datatype", 4, _U32, ""),
        ("is_historical", 5, _BOOL, ""),
        ("is_transient", 6, _BOOL, ""),
        ("is_null", 7, _BOOL, ""),
        ("properties", 9, _MESSAGE, "PropertySet"),
        ("|int_value", 10, _U32, ""),
        ("|long_value", 11, _U64, ""),
        ("|float_value", 12, _FLOAT, ""),
        ("|double_value", 13, _DOUBLE, ""),
        ("|boolean_value", 14, _BOOL, ""),
        ("|string_value", 15, _TEXT, ""),
        ("|bytes_value", 16, _BYTES, ""),
    ),
    "Payload": (
        ("timestamp", 1, _U64, ""),
        ("*metrics", 2, _MESSAGE, "Metric"),
        ("seq", 3, _U64, ""),
        ("uuid", 4, _TEXT, ""),
        ("body", 5, _BYTES, ""),
    ),
}
_PACKAGE = "telemetry.sparkplug"


def _describe() -> Any:
    # proto2, so that a field which was left out differs from one that is zero
    file = descriptor_pb2.FileDescriptorProto(
        name="telemetry_sparkplug.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if any(field[0].startswith("|") for field in fields):
            message.oneof_decl.add(name="value")
        for word, number, kind, of in fields:
            field = message.field.add(name=word.lstrip("*|"), number=number, type=kind)
            repeated = word.startswith("*")
            field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            if of:
                field.type_name = f".{_PACKAGE}.{of}"
            if word.startswith("|"):
                field.oneof_index = 0
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_describe())
Payload: Any = message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))
