"""The table of compatibility, held against Avro: data is written with one schema and read with the other."""

import io
import json
import time
from dataclasses import dataclass
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.data.schemas.engine.avro import changes_of_avro, read_avro
from lyceum.data.schemas.engine.public import TABLE, Change, ChangeKind, Direction, InvalidSchema

K = ChangeKind
FIELD = "it"


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def named(name: str, of: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": of, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols)} | more


def changes(old: Any, new: Any) -> list[Change]:
    return changes_of_avro(read_avro(json.dumps(old)), read_avro(json.dumps(new)))


def is_read(value: Any, *, written: Any, by: Any) -> bool:
    """Say whether a value written with one schema is read with another; as another value, it is not."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(written, {}), value)
    stream.seek(0)
    try:
        read = fastavro.schemaless_reader(stream, fastavro.parse_schema(written, {}), fastavro.parse_schema(by, {}))
    except Exception:  # noqa: BLE001 whatever a reader says
        return False
    return is_of(value, read)


def is_of(value: Any, read: Any) -> bool:
    """Say whether what was read holds what was written, as far as the reader has a place for it."""
    if isinstance(value, dict) and isinstance(read, dict):
        return all(is_of(value[key], read[key]) for key in value.keys() & read.keys())
    if isinstance(value, list) and isinstance(read, list):
        return len(value) == len(read) and all(is_of(one, other) for one, other in zip(value, read, strict=True))
    if isinstance(value, (str, bytes)) and isinstance(read, (str, bytes)):
        texts = [one.encode() if isinstance(one, str) else one for one in (value, read)]
        return texts[0] == texts[1] or read == "other"
    return bool(value == read)


@dataclass(frozen=True, slots=True)
class Row:
    """A change of a type, with values of the old and the new one that would be lost by it."""

    kind: ChangeKind
    old: Any
    new: Any
    of_old: Any
    of_new: Any


def row(kind: ChangeKind, old: Any, new: Any, of_old: Any, of_new: Any) -> Row:
    return Row(kind, old, new, of_old, of_new)


A, B = named("a", "int"), named("b", "string")
B_OPTIONAL = named("b", "string", default="other")
ROWS = (
    row(K.DESCRIPTION_CHANGED, record(A, doc="x"), record(A, doc="y"), {"a": 1}, {"a": 1}),
    row(K.FIELD_ADDED, record(A), record(A, B), {"a": 1}, {"a": 1, "b": "x"}),
    row(K.FIELD_ADDED_WITH_DEFAULT, record(A), record(A, B_OPTIONAL), {"a": 1}, {"a": 1, "b": "x"}),
    row(K.FIELD_REMOVED, record(A, B), record(A), {"a": 1, "b": "x"}, {"a": 1}),
    row(K.FIELD_REMOVED_WITH_DEFAULT, record(A, B_OPTIONAL), record(A), {"a": 1, "b": "x"}, {"a": 1}),
    row(K.FIELD_RENAMED, record(A), record(named("c", "int", aliases=["a"])), {"a": 1}, {"c": 1}),
    row(
        K.FIELD_RENAMED_WITH_DEFAULT,
        record(named("a", "int", default=5)),
        record(named("c", "int", aliases=["a"])),
        {"a": 1},
        {"c": 1},
    ),
    row(K.DEFAULT_CHANGED, record(B), record(B_OPTIONAL), {"b": "x"}, {"b": "x"}),
    row(K.TYPE_WIDENED, "int", "long", 1, 2**40),
    row(K.TYPE_NARROWED, "double", "float", 0.1, 0.5),
    row(K.TYPE_EXCHANGED, "string", "bytes", "x", b"x"),
    row(K.TYPE_CHANGED, "int", "string", 1, "x"),
    row(K.TYPE_CHANGED, {"type": "array", "items": "int"}, {"type": "map", "values": "int"}, [1], {"x": 1}),
    row(K.MEANING_ADDED, "string", {"type": "string", "logicalType": "made-up"}, "x", "x"),
    row(K.NULL_ADDED, "int", ["null", "int"], 1, None),
    row(K.NULL_REMOVED, ["null", "int"], "int", None, 1),
    row(K.BRANCH_ADDED, ["int"], ["int", "string"], 1, "x"),
    row(K.BRANCH_REMOVED, ["int", "string"], ["int"], "x", 1),
    row(K.BRANCH_COVERED, ["int", "long"], ["long"], 1, 2),
    row(K.SYMBOL_ADDED, enum("X"), enum("X", "Y"), "X", "Y"),
    row(K.SYMBOL_REMOVED, enum("X", "Y"), enum("X"), "Y", "X"),
    row(
        K.SYMBOL_ADDED_BESIDE_DEFAULT,
        enum("other", default="other"),
        enum("other", "Y", default="other"),
        "other",
        "Y",
    ),
    row(
        K.SYMBOL_REMOVED_BESIDE_DEFAULT,
        enum("other", "Y", default="other"),
        enum("other", default="other"),
        "Y",
        "other",
    ),
    row(K.NAME_CHANGED, record(A, name="N"), record(A, name="M"), {"a": 1}, {"a": 1}),
    row(
        K.NAME_CHANGED_WITH_ALIAS,
        record(A, name="N"),
        record(A, name="M", aliases=["N"]),
        {"a": 1},
        {"a": 1},
    ),
    row(
        K.SIZE_CHANGED,
        {"type": "fixed", "name": "F", "size": 2},
        {"type": "fixed", "name": "F", "size": 3},
        b"ab",
        b"abc",
    ),
)
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9}

Wrapping = list[str]
WRAPPINGS: st.SearchStrategy[Wrapping] = st.lists(st.sampled_from(["field", "array", "map", "optional"]), max_size=4)


def wrapped(schema: Any, value: Any, wrapping: Wrapping) -> tuple[Any, Any]:
    """Return a schema with a type somewhere inside it, and a value with one of it at that place."""
    for depth, way in enumerate(wrapping):
        # a union holds no union
        if way == "array":
            schema, value = {"type": "array", "items": schema}, [value]
        elif way == "map":
            schema, value = {"type": "map", "values": schema}, {"key": value}
        else:
            within = ["null", schema] if way == "optional" and not isinstance(schema, list) else schema
            schema, value = (
                record(named("other", "int"), named(FIELD, within), name=f"W{depth}"),
                {"other": 7, FIELD: value},
            )
    return schema, value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}-{ROWS.index(row)}")
@given(wrapping=WRAPPINGS)
def test_each_change_breaks_what_the_table_says_wherever_it_stands(row: Row, wrapping: Wrapping) -> None:
    is_union = isinstance(row.old, list) or isinstance(row.new, list)
    if is_union and wrapping[:1] == ["optional"]:
        wrapping = ["field", *wrapping[1:]]
    old, of_old = wrapped(row.old, row.of_old, wrapping)
    new, of_new = wrapped(row.new, row.of_new, wrapping)
    assert {change.kind for change in changes(old, new)} == {row.kind}
    if row.kind is K.NAME_CHANGED and "optional" in wrapping:
        return  # beside null, the library takes any record for any other
    read_back = is_read(of_old, written=old, by=new)
    read_on = is_read(of_new, written=new, by=old)
    assert (not read_back, not read_on) == (TABLE[row.kind].backward is not None, TABLE[row.kind].forward is not None)


def test_bytes_that_mean_another_number_are_not_read() -> None:
    """The library reads them, as another number: 1.23 written with two places is 0.123 with three."""
    [change] = changes(DECIMAL | {"scale": 2}, DECIMAL | {"scale": 3})
    assert change.kind is K.MEANING_CHANGED
    assert all(change.breaks(direction) for direction in Direction)


NAMES = st.sampled_from("abcd")
PRIMITIVES = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "string", "bytes"])
DEFAULTS: dict[str, Any] = {"boolean": True, "int": 1, "long": 1, "float": 1.0, "double": 1.0, "string": "d"}


@st.composite
def avro_types(draw: st.DrawFn, depth: int = 0) -> Any:
    """Draw a type; every record and enum of a schema has its own name, by where it stands."""
    kind = draw(st.sampled_from(["primitive"] * 3 + ["union", "array", "map", "enum", "record"]))
    if kind == "primitive" or depth > 2:
        return draw(PRIMITIVES)
    if kind == "union":
        return draw(st.lists(PRIMITIVES, min_size=1, max_size=3, unique=True))
    if kind == "array":
        return {"type": "array", "items": draw(avro_types(depth + 1))}
    if kind == "map":
        return {"type": "map", "values": draw(avro_types(depth + 1))}
    if kind == "enum":
        return {"type": "enum", "symbols": draw(st.lists(st.sampled_from("XYZ"), min_size=1, unique=True))}
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    return {"type": "record", "fields": [draw(fields(name, depth)) for name in names]}


@st.composite
def fields(draw: st.DrawFn, name: str, depth: int) -> Any:
    of = draw(avro_types(depth + 1))
    if isinstance(of, str) and of in DEFAULTS and draw(st.booleans()):
        return named(name, of, default=DEFAULTS[of])
    return named(name, of)


@st.composite
def evolved(draw: st.DrawFn, schema: Any, depth: int = 0) -> Any:
    """Draw what a schema may become: itself, something else, or with a part of it changed."""
    if draw(st.integers(0, 5)) == 0:
        return draw(avro_types(depth))
    if isinstance(schema, (list, str)):
        return draw(st.sampled_from([schema, draw(st.lists(PRIMITIVES, min_size=1, max_size=3, unique=True))]))
    if schema["type"] == "enum":
        return draw(st.sampled_from([schema, draw(avro_types(3)), {**schema, "symbols": ["X", "Y"]}]))
    if schema["type"] == "record":
        kept = [
            {**field, "type": draw(evolved(field["type"], depth + 1))} if "default" not in field else field
            for field in schema["fields"]
            if draw(st.integers(0, 3))
        ]
        more = draw(NAMES)
        added = [] if more in {field["name"] for field in kept} else [draw(fields(more, depth))]
        return {**schema, "fields": kept + added}
    inside = "items" if schema["type"] == "array" else "values"
    return {**schema, inside: draw(evolved(schema[inside], depth + 1))}


def with_names(schema: Any, at: str = "T") -> Any:
    if isinstance(schema, list):
        return [with_names(one, at) for one in schema]
    if isinstance(schema, str):
        return schema
    if schema["type"] == "enum":
        return {**schema, "name": f"E{at}"}
    if schema["type"] == "record":
        inner = [{**field, "type": with_names(field["type"], f"{at}_{field['name']}")} for field in schema["fields"]]
        return {**schema, "name": f"R{at}", "fields": inner}
    inside = "items" if schema["type"] == "array" else "values"
    return {**schema, inside: with_names(schema[inside], f"{at}_")}


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-1000, 1000),
    "long": st.integers(-(2**20), 2**20),
    "float": st.integers(-100, 100).map(float),
    "double": st.integers(-100, 100).map(float),
    "string": st.text("xyz", max_size=3),
    "bytes": st.text("xyz", max_size=3).map(str.encode),
}


def values(schema: Any) -> st.SearchStrategy[Any]:
    if isinstance(schema, list):
        return st.sampled_from(schema).flatmap(values)
    if isinstance(schema, str):
        return VALUES[schema]
    if schema["type"] == "enum":
        return st.sampled_from(schema["symbols"])
    if schema["type"] == "array":
        return st.lists(values(schema["items"]), max_size=2)
    if schema["type"] == "map":
        return st.dictionaries(st.sampled_from("pq"), values(schema["values"]), max_size=2)
    return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in schema["fields"]})


@given(st.data())
def test_what_is_said_to_be_readable_is_read(data: st.DataObject) -> None:
    plain = data.draw(avro_types())
    old, new = with_names(plain), with_names(data.draw(evolved(plain)))
    found = changes(old, new)
    for direction, written, by in ((Direction.BACKWARD, old, new), (Direction.FORWARD, new, old)):
        if not any(change.breaks(direction) for change in found):
            value = data.draw(values(written))
            assert is_read(value, written=written, by=by), (value, written, by, found)


@given(st.data())
def test_nothing_changes_to_itself_and_the_way_back_is_the_other_way_round(data: st.DataObject) -> None:
    plain = data.draw(avro_types())
    old, new = with_names(plain), with_names(data.draw(evolved(plain)))
    assert changes(old, old) == []
    there, back = changes(old, new), changes(new, old)
    for direction, other in ((Direction.BACKWARD, Direction.FORWARD), (Direction.FORWARD, Direction.BACKWARD)):
        assert any(c.breaks(direction) for c in there) == any(c.breaks(other) for c in back)


def test_a_type_that_holds_itself_is_compared_once() -> None:
    def tree(of: str) -> dict[str, Any]:
        return record(named("value", of), named("next", ["null", "R"]))

    assert [change.kind for change in changes(tree("int"), tree("long"))] == [K.TYPE_WIDENED]


@pytest.mark.parametrize(
    "text",
    [
        *("{", "{}", "[]x", '"unknown"', '{"type":"record","name":"R","fields":1}', "1"),
        *('{"type":"enum","name":"E","symbols":[1]}', '{"type":"array","items":' * 3000 + '"int"' + "}" * 3000),
    ],
)
def test_what_is_no_schema_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(InvalidSchema):
        read_avro(text)


def test_very_large_schemas_are_compared_in_little_time() -> None:
    """As large as the registry takes them, by whoever may register some."""
    symbols = [f"s{number}" for number in range(30_000)]
    types = [enum("X", name=f"E{number}") for number in range(6_000)]
    others = [enum("X", name=f"F{number}") for number in range(6_000)]
    began = time.process_time()
    assert changes(enum(*symbols), enum(*symbols, "new")) != []
    assert len(changes(types, others)) == 12_000
    assert time.process_time() - began < 5
