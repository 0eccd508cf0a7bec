"""The table of compatibility, held against JSON Schema: documents that pass one schema are tried with the other."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.data.schemas.engine.json_documents import read_json_schema, validator_of
from lyceum.data.schemas.engine.json_schema import changes_of_json_schema
from lyceum.data.schemas.engine.public import (
    TABLE,
    Change,
    ChangeKind,
    Direction,
    InvalidSchema,
)

K = ChangeKind
CLOSED: dict[str, Any] = {"type": "object", "additionalProperties": False}
OPEN: dict[str, Any] = {"type": "object"}
INTEGER, TEXT, NULL = {"type": "integer"}, {"type": "string"}, {"type": "null"}


def changes(old: Any, new: Any) -> list[Change]:
    return changes_of_json_schema(*(read_json_schema(json.dumps(one)) for one in (old, new)))


def passes(document: Any, schema: Any) -> bool:
    return bool(validator_of(read_json_schema(json.dumps(schema))).is_valid(document))


def having(base: dict[str, Any], required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {**base, "properties": properties, **({"required": list(required)} if required else {})}


ROWS: tuple[tuple[ChangeKind, Any, Any, Any, Any], ...] = (
    # the kind, the old schema and the new one, and documents of the old and the new one that would be lost
    (K.DESCRIPTION_CHANGED, {"title": "a"}, {"title": "b"}, 1, 1),
    (K.DEFAULT_CHANGED, {"default": 1}, {"default": 2}, 1, 1),
    (K.TYPE_WIDENED, INTEGER, {"type": "number"}, 1, 1.5),
    (K.TYPE_NARROWED, {"type": ["string", "integer"]}, INTEGER, "x", 1),
    (K.TYPE_CHANGED, INTEGER, TEXT, 1, "x"),
    (K.NULL_ADDED, INTEGER, {"type": ["integer", "null"]}, 1, None),
    (K.NULL_REMOVED, {"type": ["integer", "null"]}, INTEGER, None, 1),
    (K.NULL_ADDED, INTEGER, {"oneOf": [NULL, INTEGER]}, 1, None),
    (K.BRANCH_ADDED, {"anyOf": [INTEGER]}, {"anyOf": [INTEGER, TEXT]}, 1, "x"),
    (K.BRANCH_REMOVED, {"anyOf": [INTEGER, TEXT]}, {"anyOf": [INTEGER]}, "x", 1),
    (K.SYMBOL_ADDED, {"enum": ["X"]}, {"enum": ["X", "Y"]}, "X", "Y"),
    (K.SYMBOL_REMOVED, {"enum": ["X", "Y"]}, {"const": "X"}, "Y", "X"),
    (K.FIELD_MADE_REQUIRED, having(OPEN, a=INTEGER), having(OPEN, ("a",), a=INTEGER), {}, {"a": 1}),
    (K.FIELD_MADE_OPTIONAL, having(OPEN, ("a",), a=INTEGER), having(OPEN, a=INTEGER), {"a": 1}, {}),
    (K.PROPERTY_ADDED_TO_OPEN, having(OPEN), having(OPEN, a=INTEGER), {"a": "x"}, {"a": 1}),
    (K.PROPERTY_REMOVED_FROM_OPEN, having(OPEN, a=INTEGER), having(OPEN), {"a": 1}, {"a": "x"}),
    (K.PROPERTY_ADDED_TO_CLOSED, having(CLOSED), having(CLOSED, a=INTEGER), {}, {"a": 1}),
    (K.PROPERTY_REMOVED_FROM_CLOSED, having(CLOSED, a=INTEGER), having(CLOSED), {"a": 1}, {}),
    (K.PROPERTY_NAMED, having(OPEN), having(OPEN, a=True), {"a": "x"}, {"a": 1}),
    (K.CONTENT_OPENED, having(CLOSED), having(OPEN), {}, {"a": 1}),
    (K.CONTENT_CLOSED, having(OPEN), having(CLOSED), {"a": 1}, {}),
    (K.CONSTRAINT_LOOSENED, {"maximum": 5}, {"maximum": 9}, 5, 9),
    (K.CONSTRAINT_TIGHTENED, {"minLength": 1}, {"minLength": 2}, "x", "xx"),
    (K.CONSTRAINT_TIGHTENED, {"multipleOf": 2}, {"multipleOf": 4}, 2, 4),
    (K.CONSTRAINT_CHANGED, {"pattern": "^a"}, {"pattern": "^b"}, "a", "b"),
)


@pytest.mark.parametrize("kind, old, new, of_old, of_new", ROWS)
@given(wrapping=st.lists(st.sampled_from(["property", "items", "reference", "allOf"]), max_size=3))
def test_each_change_breaks_what_the_table_says_wherever_it_stands(
    kind: ChangeKind, old: Any, new: Any, of_old: Any, of_new: Any, wrapping: list[str]
) -> None:
    # what is referred to stands at the root
    for way in sorted(wrapping, key="reference".__eq__):
        old, of_old = _wrapped(old, of_old, way)
        new, of_new = _wrapped(new, of_new, way)
    assert {change.kind for change in changes(old, new)} == {kind}
    assert passes(of_old, old)
    assert passes(of_new, new)
    lost = (not passes(of_old, new), not passes(of_new, old))
    assert lost == (TABLE[kind].backward is not None, TABLE[kind].forward is not None)


def _wrapped(schema: Any, document: Any, way: str) -> tuple[Any, Any]:
    if way == "items":
        return {"type": "array", "items": schema}, [document]
    if way == "allOf":
        return {"allOf": [schema]}, document
    if way == "reference" and "definitions" not in schema:
        return {"definitions": {"It": schema}, "properties": {"it": {"$ref": "#/definitions/It"}}}, {"it": document}
    return (schema, document) if way == "reference" else (having(OPEN, ("it",), it=schema), {"it": document})


PLAIN = st.sampled_from(
    [
        *({}, True, INTEGER, TEXT, NULL, {"type": "number"}, {"type": ["integer", "null"]}, {"enum": [1, "x"]}),
        *({"const": 1}, {"minimum": 1}, {"maximum": 2, "type": "integer"}, {"minLength": 2}, {"pattern": "x"}),
        *({"type": "integer", "multipleOf": 2}, {"not": {"type": "string"}}, {"format": "date", "type": "string"}),
    ]
)


@st.composite
def json_schemas(draw: st.DrawFn, depth: int = 0) -> Any:
    kind = draw(st.sampled_from(["plain", "plain", "object", "array", "anyOf", "oneOf", "allOf"]))
    if kind == "plain" or depth > 1:
        return draw(PLAIN)
    inner = json_schemas(depth + 1)
    if kind == "array":
        return {"type": "array", "items": draw(inner)}
    if kind != "object":
        return {kind: draw(st.lists(inner, min_size=1, max_size=2))}
    schema: dict[str, Any] = {"type": "object", "properties": draw(st.dictionaries(st.sampled_from("ab"), inner))}
    if draw(st.booleans()):
        schema["additionalProperties"] = draw(st.sampled_from([False, True, INTEGER]))
    if draw(st.booleans()):
        schema["required"] = ["a"]
    return schema


@st.composite
def evolved(draw: st.DrawFn, schema: Any, depth: int = 0) -> Any:
    if draw(st.integers(0, 4)) == 0 or not isinstance(schema, dict):
        return draw(json_schemas(depth))
    inside: dict[str, Any] = {
        word: [draw(evolved(one, depth + 1)) for one in schema[word]]
        for word in ("anyOf", "oneOf", "allOf")
        if word in schema
    }
    if "items" in schema:
        inside["items"] = draw(evolved(schema["items"], depth + 1))
    if "properties" in schema:
        kept = {
            name: draw(evolved(of, depth + 1)) for name, of in schema["properties"].items() if draw(st.integers(0, 2))
        }
        inside["properties"] = {**kept, **draw(st.dictionaries(st.just("b"), PLAIN, max_size=1))}
        inside["additionalProperties"] = draw(st.sampled_from([schema.get("additionalProperties", True), False]))
    return {**schema, **inside}


ATOMS: list[Any] = [None, True, 0, 1, 2, 3, 1.5, "", "x", "xyz", "2020-01-01"]
OBJECTS: list[Any] = [{}, *({"a": one} for one in ATOMS), *({"a": 1, "b": one} for one in ATOMS)]
DOCUMENTS: list[Any] = [
    *ATOMS,
    *OBJECTS,
    *([one] for one in (*ATOMS, {}, {"a": 1}, {"a": "x"})),
    *([], [1, "x"], [[1]], [["x"]], {"a": {"a": 1}}, {"a": {"b": "x"}}, {"a": [1]}, {"b": ["x"]}, {"c": 1}, {"c": "x"}),
    *({"a": {"a": one, "b": other}} for one, other in itertools.product((1, "x", None), repeat=2)),
]


@given(st.data())
def test_what_is_said_to_pass_passes(data: st.DataObject) -> None:
    old = data.draw(json_schemas())
    new = data.draw(evolved(old))
    found = changes(old, new)
    validators = {one: validator_of(read_json_schema(json.dumps(of))) for one, of in (("old", old), ("new", new))}
    for direction, written, by in ((Direction.BACKWARD, "old", "new"), (Direction.FORWARD, "new", "old")):
        if not any(change.breaks(direction) for change in found):
            lost = [one for one in DOCUMENTS if validators[written].is_valid(one) and not validators[by].is_valid(one)]
            assert lost == [], (direction, old, new, found)


@given(json_schemas())
def test_nothing_changes_to_itself(schema: Any) -> None:
    assert changes(schema, schema) == []


def test_a_type_that_holds_itself_is_compared_once() -> None:
    def tree(of: Any) -> Any:
        node = {"type": "object", "properties": {"value": of, "next": {"$ref": "#/definitions/Node"}}}
        return {"definitions": {"Node": node}, "$ref": "#/definitions/Node"}

    assert [change.kind for change in changes(tree(INTEGER), tree({"type": "number"}))] == [K.TYPE_WIDENED]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "{",
            "1",
            "[]",
            '{"type": "unknown"}',
            '{"$ref": "#/definitions/None"}',
            '{"$ref": "http://203.0.113.7/x.json"}',
        ),
        *('{"items":' * 3000 + "{}" + "}" * 3000, '{"minimum": "x"}'),
    ],
)
def test_what_is_no_schema_is_refused_and_nothing_is_fetched(text: str) -> None:
    with pytest.raises(InvalidSchema):
        read_json_schema(text)
