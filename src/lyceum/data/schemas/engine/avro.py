"""Avro schemas: read, written the same way always, and compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastavro.schema import SchemaParseException, UnknownType, parse_schema

from lyceum.data.schemas.engine.changes import BOTH, Change, ChangeKind, Direction
from lyceum.data.schemas.engine.errors import InvalidSchema

PROMOTIONS = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}
"""What a reader of a wider type reads (Avro 1.12, schema resolution)."""
BRANCHES_NAMED_MAX = 8
PAIRS_MAX = 10_000
"""Of so many branches that are gone and new, none is looked at as the other called otherwise."""
_NAMED = frozenset({"record", "error", "enum", "fixed"})
_BACKWARD = frozenset({Direction.BACKWARD})
_FORWARD = frozenset({Direction.FORWARD})
_OF_TYPE = {
    *("type", "name", "namespace", "fields", "symbols", "size", "items", "values", "aliases", "default"),
    *("logicalType", "precision", "scale"),
}
_OF_FIELD = {"name", "type", "default", "aliases"}


@dataclass(frozen=True, slots=True)
class AvroSchema:
    """An Avro schema with full names, and what it names."""

    root: Any
    named: Mapping[str, Any]


def read_avro(text: str, references: Sequence[str] = ()) -> AvroSchema:
    """Return a schema, whose `references` are the texts of those it builds on, each after what it builds on itself.

    Raises `InvalidSchema`.
    """
    named: dict[str, Any] = {}
    try:
        for reference in references:
            parse_schema(json.loads(reference), named, _write_hint=False)
        root = parse_schema(json.loads(text), named, _write_hint=False)
    except json.JSONDecodeError as error:
        raise InvalidSchema(f"An Avro schema is JSON, and this is not: {error}.") from None
    except UnknownType as error:
        raise InvalidSchema(f"The Avro schema uses the type {str(error)[:200]}, which it does not define.") from None
    except RecursionError:
        raise InvalidSchema("The Avro schema is nested too deeply.") from None
    except (SchemaParseException, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidSchema(f"This is no Avro schema: {str(error)[:500]}.") from None
    return AvroSchema(root, named)


def changes_of_avro(old: AvroSchema, new: AvroSchema) -> list[Change]:
    """Return what has changed between two schemas, each change once."""
    differ = _Differ(old.named, new.named)
    differ.compare(old.root, new.root, "", BOTH)
    return list(dict.fromkeys(differ.changes))


@dataclass(frozen=True, slots=True)
class _Pair:
    old: Any
    new: Any
    at: str
    seen_by: frozenset[Direction]


class _Differ:
    def __init__(self, old_named: Mapping[str, Any], new_named: Mapping[str, Any]) -> None:
        self.changes: list[Change] = []
        self._old_named, self._new_named = old_named, new_named
        self._compared: set[tuple[str, str, frozenset[Direction]]] = set()

    def compare(self, old: Any, new: Any, at: str, seen_by: frozenset[Direction]) -> None:
        olds = [_resolved(one, self._old_named) for one in (old if isinstance(old, list) else [old])]
        news = [_resolved(one, self._new_named) for one in (new if isinstance(new, list) else [new])]
        if not isinstance(old, list) and not isinstance(new, list):
            self._compare_types(_Pair(olds[0], news[0], at, seen_by))
            return
        self._compare_unions(olds, news, at, seen_by)

    def _say(self, kind: ChangeKind, pair: _Pair, before: str = "", after: str = "", *, name: str = "") -> None:
        self.changes.append(Change(kind, _below(pair.at, name) or "the schema", before, after, pair.seen_by))

    def _compare_unions(self, olds: list[Any], news: list[Any], at: str, seen_by: frozenset[Direction]) -> None:
        of_old = {_key(one): one for one in olds}
        of_new = {_key(one): one for one in news}
        for key in of_old.keys() & of_new.keys():
            self._compare_types(_Pair(of_old[key], of_new[key], at, seen_by))
        gone = [one for key, one in of_old.items() if key not in of_new]
        come = [one for key, one in of_new.items() if key not in of_old]
        lost = [one for one in gone if not _is_read_by_any(one, news)]
        unknown = [one for one in come if not _is_read_by_any(one, olds)]
        pair = _Pair(olds, news, at, seen_by)
        for one in [one for one in gone if one not in lost]:
            wider = next((new for new in unknown if _reads(one, new)), None)
            exchanged = next((new for new in come if new not in unknown and _reads(one, new)), None)
            if wider is not None:
                unknown.remove(wider)
                self._say(ChangeKind.TYPE_WIDENED, pair, _words(one), _words(wider))
            elif exchanged is not None:
                self._say(ChangeKind.TYPE_EXCHANGED, pair, _words(one), _words(exchanged))
            else:
                self._say(ChangeKind.BRANCH_COVERED, pair, _words(one), _words(news))
        for one in [one for one in come if one not in unknown]:
            narrowed = next((old for old in lost if _reads(one, old)), None)
            if narrowed is not None:
                lost.remove(narrowed)
                self._say(ChangeKind.TYPE_NARROWED, pair, _words(narrowed), _words(one))
        self._pair_renamed(lost, unknown, pair)
        self._tell_branches(lost, unknown, pair)

    def _pair_renamed(self, lost: list[Any], unknown: list[Any], pair: _Pair) -> None:
        """Compare the branches that are called otherwise now, and take them from the lists."""
        if len(lost) * len(unknown) > PAIRS_MAX:
            return
        for one in list(lost):
            alike = [new for new in unknown if _kind(one) in _NAMED and _kind(new) == _kind(one)]
            renamed = next((new for new in alike if _is_alias(one["name"], new) or _is_alias(new["name"], one)), None)
            if renamed is None and len(lost) == len(unknown) == len(alike) == 1:
                renamed = alike[0]
            if renamed is not None:
                lost.remove(one)
                unknown.remove(renamed)
                self._compare_types(_Pair(one, renamed, pair.at, pair.seen_by))

    def _tell_branches(self, lost: list[Any], unknown: list[Any], pair: _Pair) -> None:
        has_null = any(_kind(one) == "null" for one in (*lost, *unknown))
        if len(lost) == len(unknown) == 1 and not has_null:
            self._say(ChangeKind.TYPE_CHANGED, pair, _words(lost[0]), _words(unknown[0]))
            return
        for one in lost:
            kind = ChangeKind.NULL_REMOVED if _kind(one) == "null" else ChangeKind.BRANCH_REMOVED
            self._say(kind, pair, _words(one), _words(pair.new))
        for one in unknown:
            kind = ChangeKind.NULL_ADDED if _kind(one) == "null" else ChangeKind.BRANCH_ADDED
            self._say(kind, pair, _words(pair.old), _words(one))

    def _compare_types(self, pair: _Pair) -> None:
        old, new = pair.old, pair.new
        kind = _kind(old)
        if kind != _kind(new):
            self._say(_kind_of_exchange(old, new), pair, _words(old), _words(new))
            return
        if kind in _NAMED:
            self._compare_named(pair, kind)
        elif kind == "array":
            self.compare(old["items"], new["items"], f"{pair.at}[]", pair.seen_by)
        elif kind == "map":
            self.compare(old["values"], new["values"], f"{pair.at}{{}}", pair.seen_by)
        self._compare_meanings(pair)

    def _compare_meanings(self, pair: _Pair) -> None:
        before, after = _meaning(pair.old), _meaning(pair.new)
        if before == after:
            return
        kind = ChangeKind.MEANING_CHANGED if before and after else ChangeKind.MEANING_ADDED
        self._say(kind, pair, before or _words(pair.old), after or _words(pair.new))

    def _compare_named(self, pair: _Pair, kind: str) -> None:
        old, new = pair.old, pair.new
        compared = (old["name"], new["name"], pair.seen_by)
        if compared in self._compared:
            return
        self._compared.add(compared)
        if not self._has_same_name(pair):
            return
        has_same_aliases = old["name"] != new["name"] or old.get("aliases") == new.get("aliases")
        if _rest(old, _OF_TYPE) != _rest(new, _OF_TYPE) or not has_same_aliases:
            self._say(ChangeKind.DESCRIPTION_CHANGED, pair)
        if kind == "enum":
            self._compare_symbols(pair)
        elif kind == "fixed":
            if old["size"] != new["size"]:
                self._say(ChangeKind.SIZE_CHANGED, pair, str(old["size"]), str(new["size"]))
        else:
            self._compare_fields(pair)

    def _has_same_name(self, pair: _Pair) -> bool:
        old, new = pair.old, pair.new
        is_same = _short(old["name"]) == _short(new["name"])
        by_new = is_same or _is_alias(old["name"], new)
        by_old = is_same or _is_alias(new["name"], old)
        if not by_new:
            seen_by = pair.seen_by & _BACKWARD if by_old else pair.seen_by
            self._say(ChangeKind.NAME_CHANGED, _Pair(old, new, pair.at, seen_by), old["name"], new["name"])
        elif not by_old:
            self._say(ChangeKind.NAME_CHANGED_WITH_ALIAS, pair, old["name"], new["name"])
        return by_new or by_old

    def _compare_symbols(self, pair: _Pair) -> None:
        old, new = pair.old, pair.new
        olds, news = set(old["symbols"]), set(new["symbols"])
        for symbol in new["symbols"]:
            if symbol not in olds:
                has_default = bool(old.get("default"))
                kind = ChangeKind.SYMBOL_ADDED_BESIDE_DEFAULT if has_default else ChangeKind.SYMBOL_ADDED
                self._say(kind, pair, after=symbol)
        for symbol in old["symbols"]:
            if symbol not in news:
                has_default = bool(new.get("default"))
                kind = ChangeKind.SYMBOL_REMOVED_BESIDE_DEFAULT if has_default else ChangeKind.SYMBOL_REMOVED
                self._say(kind, pair, before=symbol)
        if old.get("default") != new.get("default"):
            self._say(ChangeKind.DEFAULT_CHANGED, pair, str(old.get("default", "")), str(new.get("default", "")))

    def _compare_fields(self, pair: _Pair) -> None:
        olds = {field["name"]: field for field in pair.old["fields"]}
        news = {field["name"]: field for field in pair.new["fields"]}
        order = [name for name in olds if name in news] != [name for name in news if name in olds]
        if order:
            self._say(ChangeKind.DESCRIPTION_CHANGED, pair)
        renamed = set()
        for name, new in news.items():
            if name in olds:
                self._compare_field(pair, olds[name], new)
                continue
            source = next(
                (olds[alias] for alias in new.get("aliases", ()) if alias in olds and alias not in news), None
            )
            if source is None:
                self._say(
                    ChangeKind.FIELD_ADDED_WITH_DEFAULT if "default" in new else ChangeKind.FIELD_ADDED, pair, name=name
                )
            else:
                renamed.add(source["name"])
                has_default = "default" in source or name in source.get("aliases", ())
                kind = ChangeKind.FIELD_RENAMED_WITH_DEFAULT if has_default else ChangeKind.FIELD_RENAMED
                self._say(kind, pair, source["name"], name, name=name)
                self.compare(source["type"], new["type"], _below(pair.at, name), pair.seen_by & _BACKWARD)
        for name, old in olds.items():
            if name in news:
                continue
            source = next(
                (news[alias] for alias in old.get("aliases", ()) if alias in news and alias not in olds), None
            )
            if source is not None:
                # old readers find it by an alias of theirs
                self.compare(old["type"], source["type"], _below(pair.at, name), pair.seen_by & _FORWARD)
            elif name not in renamed:
                kind = ChangeKind.FIELD_REMOVED_WITH_DEFAULT if "default" in old else ChangeKind.FIELD_REMOVED
                self._say(kind, pair, name=name)

    def _compare_field(self, pair: _Pair, old: Any, new: Any) -> None:
        name = new["name"]
        self.compare(old["type"], new["type"], _below(pair.at, name), pair.seen_by)
        if old.get("default", ...) != new.get("default", ...):
            self._say(ChangeKind.DEFAULT_CHANGED, pair, _default(old), _default(new), name=name)
        if _rest(old, _OF_FIELD) != _rest(new, _OF_FIELD) or old.get("aliases") != new.get("aliases"):
            self._say(ChangeKind.DESCRIPTION_CHANGED, pair, name=name)


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at and name else at or name


def _resolved(schema: Any, named: Mapping[str, Any]) -> Any:
    while True:
        if isinstance(schema, str) and schema in named:
            schema = named[schema]
        elif isinstance(schema, dict) and isinstance(schema["type"], (dict, list)):
            schema = schema["type"]
        elif isinstance(schema, dict) and schema["type"] in named:
            schema = named[schema["type"]]
        else:
            return schema


def _kind(schema: Any) -> str:
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _key(schema: Any) -> tuple[str, str]:
    kind = _kind(schema)
    return kind, _short(schema["name"]) if kind in _NAMED else ""


def _reads(written: Any, reader: Any) -> bool:
    """Say whether a reader of another type reads what was written."""
    if _meaning(written) or _meaning(reader):
        return False
    return _kind(reader) in PROMOTIONS.get(_kind(written), ())


def _is_read_by_any(written: Any, readers: list[Any]) -> bool:
    # a union may have thousands of types with names, which only their like reads
    return _kind(written) in PROMOTIONS and any(_reads(written, by) for by in readers)


def _kind_of_exchange(old: Any, new: Any) -> ChangeKind:
    if _reads(old, new) and _reads(new, old):
        return ChangeKind.TYPE_EXCHANGED
    if _reads(old, new):
        return ChangeKind.TYPE_WIDENED
    return ChangeKind.TYPE_NARROWED if _reads(new, old) else ChangeKind.TYPE_CHANGED


def _meaning(schema: Any) -> str:
    if not isinstance(schema, dict) or "logicalType" not in schema:
        return ""
    if schema["logicalType"] == "decimal":
        return f"decimal({schema.get('precision')}, {schema.get('scale', 0)})"
    return str(schema["logicalType"])


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _is_alias(name: str, of: Any) -> bool:
    return any(alias in {name, _short(name)} for alias in of.get("aliases", ()))


def _rest(schema: Any, known: set[str]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in known and not key.startswith("__")}


def _default(field: Any) -> str:
    return json.dumps(field["default"]) if "default" in field else ""


def _words(schema: Any) -> str:
    if isinstance(schema, list):
        more = len(schema) - BRANCHES_NAMED_MAX
        named = " or ".join(_words(one) for one in schema[:BRANCHES_NAMED_MAX])
        return f"{named} or {more} more" if more > 0 else named
    kind = _kind(schema)
    if kind in _NAMED:
        return f"{kind} {schema['name']}"
    if kind in {"array", "map"}:
        return f"{kind} of {_words(schema['items' if kind == 'array' else 'values'])}"
    return _meaning(schema) or kind
