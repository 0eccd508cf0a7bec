"""The `.proto` files that every compiler brings along."""

from functools import cache

from google.protobuf import (
    any_pb2,
    api_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pb2 import FileDescriptorProto


@cache
def known_files() -> dict[str, FileDescriptorProto]:
    """Return them by the names they are imported by, each after what it imports."""
    modules = (any_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, source_context_pb2, struct_pb2)
    found = {}
    for module in (*modules, timestamp_pb2, wrappers_pb2, type_pb2, api_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        found[file.name] = file
    return found
