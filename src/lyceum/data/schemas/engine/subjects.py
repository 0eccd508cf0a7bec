"""Schemas of every type behind one door: read, kept in one form, compared.

What reads each type is imported when the first schema of it comes: together they take a fifth of a second.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lyceum.data.schemas.engine.changes import Change, ChangeKind
from lyceum.data.schemas.engine.errors import InvalidSchema

if TYPE_CHECKING:
    from google.protobuf.message import Message

SCHEMA_CHARACTERS_MAX = 400_000


class SchemaType(StrEnum):
    """What a schema is written in."""

    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"


@dataclass(frozen=True, slots=True)
class Referred:
    """A schema that another builds on: the name it is called by there, its subject and version, and its text."""

    name: str
    subject: str
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """A schema as it is sent and kept; `referred` are those it builds on, each after what it builds on itself."""

    type: SchemaType
    text: str
    referred: tuple[Referred, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedSchema:
    """A schema that was understood: `text` as it is shown, `digest` the same for schemas that say the same."""

    type: SchemaType
    text: str
    digest: bytes
    content: Any
    """As the readers of its type have it."""


def parse(written: Written, *, normalize: bool = False) -> ParsedSchema:
    """Return what a text says; normalised, the order of what has no order makes no difference.

    Takes up to some seconds for the largest: not for the loop. Raises `InvalidSchema`.
    """
    if not written.text.strip():
        raise InvalidSchema("The schema is empty.")
    if len(written.text) > SCHEMA_CHARACTERS_MAX:
        raise InvalidSchema(
            f"The schema has {len(written.text):,} characters, and the registry takes {SCHEMA_CHARACTERS_MAX:,}."
        )
    try:
        content, text, said = _understood(written, normalize=normalize)
    except RecursionError:
        raise InvalidSchema("The schema is nested too deeply.") from None
    referred = [(one.name, one.subject, one.version) for one in written.referred]
    if normalize:
        referred.sort()
    about = json.dumps([written.type, referred]).encode()
    return ParsedSchema(written.type, text, hashlib.sha256(about + b"\0" + said).digest(), content)


def changes_between(old: ParsedSchema, new: ParsedSchema) -> list[Change]:
    """Return what has changed between two schemas of a subject."""
    if old.type is not new.type:
        return [Change(ChangeKind.TYPE_CHANGED, "the schema", old.type, new.type)]
    if new.type is SchemaType.AVRO:
        from lyceum.data.schemas.engine.avro import changes_of_avro

        return changes_of_avro(old.content, new.content)
    if new.type is SchemaType.JSON:
        from lyceum.data.schemas.engine.json_schema import changes_of_json_schema

        return changes_of_json_schema(old.content, new.content)
    from lyceum.data.schemas.engine.protobuf import changes_of_protobuf

    return changes_of_protobuf(old.content, new.content)


def message_class(schema: ParsedSchema, path: Sequence[int]) -> "type[Message] | None":
    """Return what reads messages of a Protobuf schema's type at a path of places; None where there is none."""
    from lyceum.data.schemas.engine.protobuf import message_class_of

    return message_class_of(schema.content, path)


def serialized(schema: ParsedSchema) -> str:
    """Return a Protobuf schema as a descriptor in base64, any other as its text."""
    if schema.type is not SchemaType.PROTOBUF:
        return schema.text
    return base64.b64encode(schema.content.file.SerializeToString(deterministic=True)).decode()


def _understood(written: Written, *, normalize: bool) -> tuple[Any, str, bytes]:
    """Return what a schema says, its text as it is shown, and what tells it from others."""
    if written.type is SchemaType.PROTOBUF:
        return _understood_protobuf(written, normalize=normalize)
    if written.type is SchemaType.AVRO:
        from lyceum.data.schemas.engine.avro import read_avro

        avro = read_avro(_as_json(written.text), [_as_json(one.text) for one in written.referred])
        text = _compact(_as_json(written.text), normalize=normalize)
        return avro, text, text.encode()
    from lyceum.data.schemas.engine.json_documents import read_json_schema

    schema = read_json_schema(written.text, {one.name: one.text for one in written.referred})
    text = _compact(written.text, normalize=normalize)
    return schema, text, text.encode()


def _understood_protobuf(written: Written, *, normalize: bool) -> tuple[Any, str, bytes]:
    from lyceum.data.schemas.engine.proto_text import text_of_file
    from lyceum.data.schemas.engine.protobuf import is_descriptor, read_protobuf

    schema = read_protobuf(written.text, {one.name: one.text for one in written.referred})
    text = text_of_file(schema.file) if normalize or is_descriptor(written.text) else written.text
    return schema, text, schema.file.SerializeToString(deterministic=True)


def _as_json(text: str) -> str:
    """Return an Avro schema as JSON: clients also send the name of a primitive type as it is."""
    return text if text.lstrip()[:1] in {"{", "[", '"'} else json.dumps(text.strip())


def _compact(text: str, *, normalize: bool) -> str:
    return json.dumps(json.loads(text), separators=(",", ":"), sort_keys=normalize, ensure_ascii=False)
