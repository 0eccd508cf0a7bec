"""Messages of JSON, and the columns that a JSON Schema tells of."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from lyceum.data.streams.decoded import Decoded, Undecodable, joined, said
from lyceum.data.streams.work import SchemaText

_KINDS = {"boolean": "boolean", "integer": "integer", "number": "float"}
_TEXTS = {"date": "date", "date-time": "timestamp_utc"}
_REFERENCES_MAX = 32
"""Of which one leads to the next."""
_PARTS_MAX = 1000
_decode_json = msgspec.json.Decoder().decode


def json_reader(schema: SchemaText) -> Callable[[bytes], Decoded]:
    """Return what reads messages of a schema, which is believed and not checked against."""
    documents = {name: json.loads(text) for name, text in schema.referred}
    kinds = _Document(json.loads(schema.text), documents).kinds()
    return lambda content: Decoded(json_object(content), kinds)


def json_object(content: bytes) -> dict[str, Any]:
    """Return what a message says; raises `Undecodable`."""
    try:
        values = _decode_json(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Undecodable(f"The message is not JSON: {said(error)}.") from None
    except RecursionError:
        raise Undecodable("The message is nested too deeply.") from None
    if not isinstance(values, dict):
        raise Undecodable("The message is JSON and no object of values by names.")
    return values


class _Document:
    """A JSON Schema with those it may refer to, by the names it calls them."""

    def __init__(self, schema: Any, others: Mapping[str, Any]) -> None:
        self._schema = schema
        self._others = others
        self._parts_left = _PARTS_MAX

    def kinds(self) -> dict[str, str]:
        """Return the columns that the properties are."""
        return {name: _kind(one) for name, one in self._properties(self._schema, self._schema)}

    def _properties(self, schema: Any, document: Any) -> Iterator[tuple[str, Any]]:
        schema, document = self._followed(schema, document)
        self._parts_left -= 1
        if self._parts_left < 0:
            raise Undecodable(f"The schema is put together of more than {_PARTS_MAX} others.")
        if not isinstance(schema, dict):
            return
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, list) else []:
            yield from self._properties(part, document)
        properties = schema.get("properties")
        for name, one in properties.items() if isinstance(properties, dict) else ():
            yield name, self._plain(one, document)

    def _plain(self, schema: Any, document: Any) -> Any:
        """Return the schema of a property, or those it may be one of, without references."""
        schema, document = self._followed(schema, document)
        if isinstance(schema, dict):
            for union in ("oneOf", "anyOf"):
                if isinstance(schema.get(union), list):
                    return {union: [self._followed(one, document)[0] for one in schema[union]]}
        return schema

    def _followed(self, schema: Any, document: Any) -> tuple[Any, Any]:
        """Return what a reference stands for and the document it stands in; nothing where it leads nowhere."""
        left = _REFERENCES_MAX
        while isinstance(schema, dict) and isinstance(reference := schema.get("$ref"), str):
            if left <= 0:
                return None, document
            left -= 1
            name, _, place = reference.partition("#")
            document = self._others.get(name) if name else document
            schema = _at(document, place)
        return schema, document


def _at(document: Any, place: str) -> Any:
    for step in place.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _kind(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "string"
    for union in ("oneOf", "anyOf"):
        if isinstance(schema.get(union), list):
            kinds = {_kind(one) for one in schema[union] if not (isinstance(one, dict) and one.get("type") == "null")}
            return joined(kinds)
    given = schema.get("type")
    types = [one for one in (given if isinstance(given, list) else [given]) if one != "null"]
    if types == ["string"]:
        return _TEXTS.get(str(schema.get("format")), "string")
    return joined({_KINDS.get(str(one), "string") for one in types})
