"""JSON Schemas as documents: read, found good, and their references followed; nothing is ever fetched."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import SchemaError
from jsonschema.validators import Draft7Validator, validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7

from lyceum.data.schemas.engine.errors import InvalidSchema

ABOUT = frozenset(
    {
        *("$schema", "$id", "id", "$comment", "$anchor", "title", "description", "examples", "format", "readOnly"),
        *("writeOnly", "deprecated", "contentEncoding", "contentMediaType", "contentSchema"),
        *("definitions", "$defs", "$vocabulary"),
    }
)
"""Words that say something of a schema, and nothing of what passes it."""
_SIBLINGS_COUNT = ("2019-09", "2020-12")


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """A JSON Schema, and what resolves its references; nothing is ever fetched."""

    root: Any
    registry: Any
    uri: str


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a schema, and what follows its references."""

    schema: Any
    resolver: Any
    do_siblings_count: bool


def read_json_schema(text: str, references: Mapping[str, str] | None = None) -> JsonSchema:
    """Return a schema, whose `references` are texts by the names that it refers to them by; raises `InvalidSchema`."""
    root = _checked(text)
    registry: Any = Registry()
    for name, referred in (references or {}).items():
        registry = registry.with_resource(
            name, Resource.from_contents(_checked(referred), default_specification=DRAFT7)
        )
    uri = str(root.get("$id", "")) if isinstance(root, dict) else ""
    registry = registry.with_resource(uri, Resource.from_contents(root, default_specification=DRAFT7))
    schema = JsonSchema(root, registry, uri)
    _require_resolvable(schema)
    return schema


def validator_of(schema: JsonSchema) -> Any:
    """Return what says whether a document passes."""
    return validator_for(schema.root, default=Draft7Validator)(schema.root, registry=schema.registry)


def _checked(text: str) -> Any:
    try:
        root = json.loads(text)
        if not isinstance(root, (dict, bool)):
            raise InvalidSchema("A JSON Schema is an object, or true or false.")
        if isinstance(root, dict):
            validator_for(root, default=Draft7Validator).check_schema(root)
    except json.JSONDecodeError as error:
        raise InvalidSchema(f"A JSON Schema is JSON, and this is not: {error}.") from None
    except SchemaError as error:
        raise InvalidSchema(f"This is no JSON Schema: at {error.json_path}, {error.message[:300]}.") from None
    except RecursionError:
        raise InvalidSchema("The JSON Schema is nested too deeply.") from None
    return root


def _require_resolvable(schema: JsonSchema) -> None:
    node = node_of(schema)
    waiting: list[Any] = [schema.root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            reference = part.get("$ref")
            if isinstance(reference, str) and "$id" not in part:
                try:
                    node.resolver.lookup(reference)
                except Unresolvable:
                    raise InvalidSchema(
                        f"The schema refers to {reference[:200]!r}, which is neither in it nor among its references."
                    ) from None
            waiting += part.values()


def node_of(schema: JsonSchema) -> Node:
    """Return a whole schema as a part of itself."""
    draft = str(schema.root.get("$schema", "")) if isinstance(schema.root, dict) else ""
    counts = any(name in draft for name in _SIBLINGS_COUNT)
    return Node(schema.root, schema.registry.resolver(schema.uri), counts)


def resolved(node: Node) -> Node:
    """Return the object a schema stands for, with its references followed."""
    if isinstance(node.schema, bool):
        return Node({} if node.schema else {"not": {}}, node.resolver, node.do_siblings_count)
    seen = 0
    while "$ref" in node.schema and seen < 100:
        seen += 1
        siblings = {key: value for key, value in node.schema.items() if key != "$ref" and key not in ABOUT}
        found = node.resolver.lookup(node.schema["$ref"])
        if siblings and node.do_siblings_count:
            both = [{"$ref": node.schema["$ref"]}, *siblings.get("allOf", [])]
            return Node({**siblings, "allOf": both}, node.resolver, node.do_siblings_count)
        contents = found.contents
        if isinstance(contents, bool):
            contents = {} if contents else {"not": {}}
        node = Node(contents, found.resolver, node.do_siblings_count)
    return node


def child(node: Node, schema: Any) -> Node:
    """Return a part of a part."""
    return Node(schema, node.resolver, node.do_siblings_count)
