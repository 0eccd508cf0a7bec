"""JSON Schemas compared by which documents they let pass."""

import json
import re
from collections.abc import Sequence
from typing import Any

from lyceum.data.schemas.engine.changes import Change, ChangeKind
from lyceum.data.schemas.engine.json_documents import ABOUT, JsonSchema, Node, child, node_of, resolved

_TYPES = ("null", "boolean", "object", "array", "string", "integer", "number")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_COMPARED = frozenset(
    {
        *("type", "enum", "const", "required", "properties", "additionalProperties", "default", "items", "prefixItems"),
        *("additionalItems", "anyOf", "oneOf", "allOf", "$ref", "pattern", "uniqueItems", "multipleOf"),
        *_UPPER,
        *_LOWER,
    }
)
_WORDS_MAX = 200
PAIRS_MAX = 10_000
"""Choices among more than so many pairs of branches are the same or not; which became which is not looked for."""


def changes_of_json_schema(old: JsonSchema, new: JsonSchema) -> list[Change]:
    """Return what has changed between two schemas, each change once."""
    differ = _Differ(is_same_document=old.root == new.root)
    differ.compare(node_of(old), node_of(new), "")
    return list(dict.fromkeys(differ.changes))


class _Differ:
    def __init__(self, *, is_same_document: bool) -> None:
        self.changes: list[Change] = []
        self._is_same_document = is_same_document
        self._compared: set[tuple[int, int]] = set()
        # ids are compared, so what has them must stay
        self._kept: list[Any] = []

    def compare(self, old_node: Node, new_node: Node, at: str) -> None:
        pair = (id(old_node.schema), id(new_node.schema))
        if pair in self._compared:
            return
        self._compared.add(pair)
        self._kept += (old_node.schema, new_node.schema)
        old_node, new_node = resolved(old_node), resolved(new_node)
        old, new = old_node.schema, new_node.schema
        if self._compare_as_sum(old_node, new_node, at):
            return
        if any(old.get(key) != new.get(key) for key in ABOUT - {"definitions", "$defs"}):
            self._say(ChangeKind.DESCRIPTION_CHANGED, at)
        if old.get("default", ...) != new.get("default", ...):
            self._say(ChangeKind.DEFAULT_CHANGED, at, _words(old.get("default")), _words(new.get("default")))
        self._compare_types(old, new, at)
        self._compare_values(old, new, at)
        self._compare_limits(old, new, at)
        self._compare_required(old, new, at)
        self._compare_properties(old_node, new_node, at)
        self._compare_items(old_node, new_node, at)
        self._compare_all_of(old_node, new_node, at)
        for word in ("anyOf", "oneOf"):
            self._compare_branches(old_node, new_node, at, word)
        self._compare_others(old, new, at)

    def _say(self, kind: ChangeKind, at: str, before: str = "", after: str = "") -> None:
        self.changes.append(Change(kind, at or "the schema", before, after))

    def _compare_types(self, old: dict[str, Any], new: dict[str, Any], at: str) -> None:
        before, after = _types(old), _types(new)
        if "null" in after - before:
            self._say(ChangeKind.NULL_ADDED, at)
        if "null" in before - after:
            self._say(ChangeKind.NULL_REMOVED, at)
        gone, come = before - after - {"null"}, after - before - {"null"}
        if not gone and not come:
            return
        kind = ChangeKind.TYPE_CHANGED
        if not gone or not come:
            kind = ChangeKind.TYPE_WIDENED if come else ChangeKind.TYPE_NARROWED
        self._say(kind, at, _type_words(before), _type_words(after))

    def _compare_values(self, old: dict[str, Any], new: dict[str, Any], at: str) -> None:
        before, after = _values(old), _values(new)
        if before == after:
            return
        place = f"{at}/enum" if at else "enum"
        if before is None or after is None:
            kind = ChangeKind.CONSTRAINT_TIGHTENED if before is None else ChangeKind.CONSTRAINT_LOOSENED
            self._say(kind, place, _words(before), _words(after))
            return
        olds, news = set(before), set(after)
        for value in after:
            if value not in olds:
                self._say(ChangeKind.SYMBOL_ADDED, at, after=value)
        for value in before:
            if value not in news:
                self._say(ChangeKind.SYMBOL_REMOVED, at, before=value)

    def _compare_limits(self, old: dict[str, Any], new: dict[str, Any], at: str) -> None:
        for word in (*_UPPER, *_LOWER, "multipleOf", "pattern", "uniqueItems"):
            before, after = old.get(word), new.get(word)
            if before != after:
                self._say(
                    _kind_of_limit(word, before, after), f"{at}/{word}" if at else word, _words(before), _words(after)
                )

    def _compare_required(self, old: dict[str, Any], new: dict[str, Any], at: str) -> None:
        before, after = _required(old), _required(new)
        for name in sorted(after - before):
            self._say(ChangeKind.FIELD_MADE_REQUIRED, _below(at, name))
        for name in sorted(before - after):
            self._say(ChangeKind.FIELD_MADE_OPTIONAL, _below(at, name))

    def _compare_properties(self, old: Node, new: Node, at: str) -> None:
        olds, news = old.schema.get("properties", {}), new.schema.get("properties", {})
        old_rest, new_rest = (one.schema.get("additionalProperties", True) for one in (old, new))
        for name in olds.keys() & news.keys():
            self.compare(child(old, olds[name]), child(new, news[name]), _below(at, name))
        for name in [name for name in news if name not in olds]:
            self._added(
                child(old, old_rest), child(new, news[name]), _below(at, name), is_by_pattern=_has_pattern(old, name)
            )
        for name in [name for name in olds if name not in news]:
            self._removed(
                child(old, olds[name]), child(new, new_rest), _below(at, name), is_by_pattern=_has_pattern(new, name)
            )
        self._compare_rest(child(old, old_rest), child(new, new_rest), at)

    def _added(self, rest: Node, added: Node, at: str, *, is_by_pattern: bool = False) -> None:
        if is_by_pattern:
            self._say(ChangeKind.CONSTRAINT_CHANGED, at, "what its pattern says", "a property")
        elif rest.schema is False:
            self._say(ChangeKind.PROPERTY_ADDED_TO_CLOSED, at)
        elif _is_open(rest.schema):
            kind = ChangeKind.PROPERTY_NAMED if _is_open(added.schema) else ChangeKind.PROPERTY_ADDED_TO_OPEN
            self._say(kind, at)
        else:
            self.compare(rest, added, at)

    def _removed(self, removed: Node, rest: Node, at: str, *, is_by_pattern: bool = False) -> None:
        if is_by_pattern:
            self._say(ChangeKind.CONSTRAINT_CHANGED, at, "a property", "what its pattern says")
        elif rest.schema is False:
            self._say(ChangeKind.PROPERTY_REMOVED_FROM_CLOSED, at)
        elif _is_open(rest.schema):
            kind = ChangeKind.PROPERTY_NAMED if _is_open(removed.schema) else ChangeKind.PROPERTY_REMOVED_FROM_OPEN
            self._say(kind, at)
        else:
            self.compare(removed, rest, at)

    def _compare_rest(self, old: Node, new: Node, at: str) -> None:
        if old.schema == new.schema and not isinstance(old.schema, dict):
            return
        if old.schema is False or new.schema is False:
            self._say(ChangeKind.CONTENT_OPENED if old.schema is False else ChangeKind.CONTENT_CLOSED, at)
        else:
            self.compare(old, new, f"{at}{{}}")

    def _compare_items(self, old: Node, new: Node, at: str) -> None:
        (olds, old_rest), (news, new_rest) = _items(old.schema), _items(new.schema)
        for index in range(max(len(olds), len(news))):
            place = f"{at}[{index}]"
            if index < len(olds) and index < len(news):
                self.compare(child(old, olds[index]), child(new, news[index]), place)
            elif index < len(news):
                self._added(child(old, old_rest), child(new, news[index]), place)
            else:
                self._removed(child(old, olds[index]), child(new, new_rest), place)
        self._compare_rest(child(old, old_rest), child(new, new_rest), f"{at}[]")

    def _compare_all_of(self, old: Node, new: Node, at: str) -> None:
        olds, news = old.schema.get("allOf", []), new.schema.get("allOf", [])
        for before, after in zip(olds, news, strict=False):
            self.compare(child(old, before), child(new, after), at)
        place = f"{at}/allOf" if at else "allOf"
        for one in news[len(olds) :]:
            self._say(ChangeKind.CONSTRAINT_TIGHTENED, place, "", _words(one))
        for one in olds[len(news) :]:
            self._say(ChangeKind.CONSTRAINT_LOOSENED, place, _words(one), "")

    def _compare_as_sum(self, old: Node, new: Node, at: str) -> bool:
        """Compare a schema with a choice among several, of which it may have become one; say whether that was so."""
        for word in ("anyOf", "oneOf"):
            before, after = _pure_sum(old.schema, word), _pure_sum(new.schema, word)
            if (before is None) != (after is None) and not _has_sum(new.schema if after is None else old.schema):
                olds = [old.schema] if before is None else before
                news = [new.schema] if after is None else after
                self._match_branches([child(old, one) for one in olds], [child(new, one) for one in news], at, word)
                return True
        return False

    def _compare_branches(self, old: Node, new: Node, at: str, word: str) -> None:
        olds, news = old.schema.get(word), new.schema.get(word)
        if olds is None and news is None:
            return
        if olds is None or news is None:
            kind = ChangeKind.CONSTRAINT_TIGHTENED if olds is None else ChangeKind.CONSTRAINT_LOOSENED
            self._say(kind, f"{at}/{word}" if at else word, _words(olds), _words(news))
            return
        self._match_branches([child(old, one) for one in olds], [child(new, one) for one in news], at, word)

    def _match_branches(self, olds: list[Node], news: list[Node], at: str, word: str) -> None:
        if len(olds) * len(news) > PAIRS_MAX:
            if [one.schema for one in olds] != [one.schema for one in news] or not self._is_same_document:
                self._say(ChangeKind.CONSTRAINT_CHANGED, f"{at}/{word}" if at else word, "many branches", "many others")
            return
        count = len(self.changes)
        pairs, gone, come = _matched(olds, news)
        for before, after in pairs:
            self.compare(before, after, at)
        for one in gone:
            is_null = _types(resolved(one).schema) == {"null"}
            kind = ChangeKind.NULL_REMOVED if is_null else ChangeKind.BRANCH_REMOVED
            self._say(kind, at, _words(one.schema))
        for one in come:
            is_null = _types(resolved(one).schema) == {"null"}
            self._say(ChangeKind.NULL_ADDED if is_null else ChangeKind.BRANCH_ADDED, at, "", _words(one.schema))
        if word == "oneOf" and len(self.changes) > count and not (_are_disjoint(olds) and _are_disjoint(news)):
            # what passed one of them alone may pass two now, which oneOf refuses
            place = f"{at}/oneOf" if at else "oneOf"
            self._say(ChangeKind.CONSTRAINT_CHANGED, place, "these branches", "others that overlap")

    def _compare_others(self, old: dict[str, Any], new: dict[str, Any], at: str) -> None:
        """Compare what is not understood in detail: the same is the same, and anything else may let anything pass."""
        for word in sorted((old.keys() | new.keys()) - _COMPARED - ABOUT):
            before, after = old.get(word), new.get(word)
            refers = not self._is_same_document and '"$ref"' in json.dumps([before, after])
            if before != after or refers:
                place = f"{at}/{word}" if at else word
                self._say(_kind_of_other(word), place, _words(before), _words(after))


def _kind_of_other(word: str) -> ChangeKind:
    return ChangeKind.CONSTRAINT_CHANGED if word in _ASSERTS or word.startswith("$") else ChangeKind.DESCRIPTION_CHANGED


_ASSERTS = frozenset(
    {
        *("not", "if", "then", "else", "dependencies", "dependentRequired", "dependentSchemas", "contains"),
        *("propertyNames", "patternProperties", "unevaluatedItems", "unevaluatedProperties", "extends", "disallow"),
    }
)


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _is_open(schema: Any) -> bool:
    return schema is True or (isinstance(schema, dict) and not schema.keys() - ABOUT - {"default"})


def _has_pattern(node: Node, name: str) -> bool:
    for pattern in node.schema.get("patternProperties", {}):
        try:
            if re.search(pattern, name):
                return True
        except re.error:
            return True
    return False


def _types(schema: dict[str, Any]) -> frozenset[str]:
    said = schema.get("type")
    if said is None:
        return frozenset(_TYPES)
    types = {said} if isinstance(said, str) else set(said)
    return frozenset(types | ({"integer"} if "number" in types else set()))


def _type_words(types: frozenset[str]) -> str:
    if types == set(_TYPES):
        return "anything"
    shown = [name for name in _TYPES if name in types and not (name == "integer" and "number" in types)]
    return " or ".join(shown)


def _values(schema: dict[str, Any]) -> list[str] | None:
    if "const" in schema:
        return [json.dumps(schema["const"], sort_keys=True)]
    return [json.dumps(value, sort_keys=True) for value in schema["enum"]] if "enum" in schema else None


def _required(schema: dict[str, Any]) -> set[str]:
    said = schema.get("required")
    return set(said) if isinstance(said, list) else set()


def _items(schema: dict[str, Any]) -> tuple[list[Any], Any]:
    """Return the schemas of the first items, and that of all others."""
    items = schema.get("items", True)
    if "prefixItems" in schema:
        return schema["prefixItems"], items
    if isinstance(items, list):
        return items, schema.get("additionalItems", True)
    return [], items


def _kind_of_limit(word: str, before: Any, after: Any) -> ChangeKind:
    is_looser, is_tighter = False, False
    if word == "uniqueItems":
        is_looser, is_tighter = not after, bool(after)
    elif before is None or after is None:
        is_looser, is_tighter = after is None, before is None
    elif isinstance(before, bool) or isinstance(after, bool):
        pass
    elif word in _UPPER or word in _LOWER:
        is_looser = (after > before) is (word in _UPPER)
        is_tighter = not is_looser
    elif word == "multipleOf" and isinstance(before, int) and isinstance(after, int):
        is_looser, is_tighter = before % after == 0, after % before == 0
    if is_looser:
        return ChangeKind.CONSTRAINT_LOOSENED
    return ChangeKind.CONSTRAINT_TIGHTENED if is_tighter else ChangeKind.CONSTRAINT_CHANGED


def _pure_sum(schema: dict[str, Any], word: str) -> Sequence[Any] | None:
    """Return the branches of a schema that is nothing but a choice."""
    return schema[word] if word in schema and not schema.keys() - {word, "default"} - ABOUT else None


def _has_sum(schema: dict[str, Any]) -> bool:
    return "anyOf" in schema or "oneOf" in schema


def _matched(olds: list[Node], news: list[Node]) -> tuple[list[tuple[Node, Node]], list[Node], list[Node]]:
    """Return the branches that belong together, then those that are gone, and those that are new."""
    pairs, gone, come = [], list(olds), list(news)
    for is_like in (_is_equal, _is_of_name, _is_of_types):
        for before in list(gone):
            after = next((one for one in come if is_like(before, one)), None)
            if after is not None:
                pairs.append((before, after))
                gone.remove(before)
                come.remove(after)
    return pairs, gone, come


def _is_equal(one: Node, other: Node) -> bool:
    return bool(one.schema == other.schema)


def _is_of_name(one: Node, other: Node) -> bool:
    titles = [resolved(node).schema.get("title") for node in (one, other)]
    return titles[0] is not None and titles[0] == titles[1]


def _is_of_types(one: Node, other: Node) -> bool:
    return bool(_types(resolved(one).schema) & _types(resolved(other).schema))


def _are_disjoint(nodes: list[Node]) -> bool:
    types = [_types(resolved(node).schema) for node in nodes]
    return sum(len(each) for each in types) == len(frozenset().union(*types))


def _words(value: Any) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True)[:_WORDS_MAX]
