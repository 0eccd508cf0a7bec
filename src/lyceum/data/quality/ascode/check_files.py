"""Checks as a YAML file that people keep beside their code: read with the line of what is wrong, written with reasons.

    checks:
      - kind: range
        column: dep_hour
        min: 0
        max: 23

or, shorter, by column as `lyceum.check` takes them:

    checks:
      flight_id: [not_null, unique]
      dep_hour: {range: [0, 23], at_most_failing: 0.01}

JSON is YAML too.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import yaml

from lyceum.data.quality.engine.public import (
    Check,
    InvalidCheck,
    SuggestedCheck,
    checks_from_plain,
    spelt_out,
    with_distinct_ids,
)

FILE_CHARS_MAX = 2_000_000
NESTING_MAX = 20
LINE_CHARS_WANTED = 110
_KEY = "checks"
_ORDER = {"id": -1, "kind": 0, "at_most_failing": 2, "severity": 3}
"""What stands before and after the rest, which stands as its kind lists it."""


class _Dumper(yaml.CSafeDumper):
    """Writes a list on a line of its own, as far as it fits."""

    def represent_sequence(
        self,
        tag: str,
        sequence: Iterable[Any],
        flow_style: bool | None = None,  # noqa: FBT001 - as the library calls it
    ) -> yaml.SequenceNode:
        """Return a list's node."""
        del flow_style
        return super().represent_sequence(tag, sequence, flow_style=True)


def checks_in(text: str, *, file_name: str) -> tuple[Check, ...]:
    """Return the checks of a YAML text, in its order. Raises `InvalidCheck`, which names the file, the line and the fix."""
    if len(text) > FILE_CHARS_MAX:
        raise InvalidCheck(
            f"{file_name} holds more than {FILE_CHARS_MAX:,} characters; split the checks into several files."
        )
    asked = _asked(_document(text, file_name), file_name)
    if isinstance(asked, yaml.MappingNode):
        found = [each for column, wish in asked.value for each in _of_column(column, wish, file_name)]
    elif isinstance(asked, yaml.SequenceNode):
        found = [_of_item(place, node, file_name) for place, node in enumerate(asked.value, start=1)]
    else:
        raise InvalidCheck(
            f"{_where(asked, file_name)}: '{_KEY}' is a list of checks, or a mapping from column to what is asked of it."
        )
    if not found:
        raise InvalidCheck(f"{file_name} holds no checks; list them under '{_KEY}:'.")
    return with_distinct_ids(found)


def suggestions_as_yaml(suggested: Iterable[SuggestedCheck], *, heading: Iterable[str] = ()) -> str:
    """Return suggested checks as a YAML file to keep and edit, each below the reason for it, after lines of `heading`."""
    lines = [f"# {_one_line(line)}" for line in heading]
    lines.append(f"{_KEY}:")
    for each in suggested:
        lines += [f"  # {_one_line(each.reason)}", *_item_lines(each.check)]
    return "\n".join(lines) + "\n"


def plain_of(check: Check) -> dict[str, Any]:
    """Return a check as a person writes it: its kind, what is asked, and of the rest what is not taken by itself."""
    plain: dict[str, Any] = msgspec.to_builtins(check)
    taken = {field.name: field.default for field in msgspec.structs.fields(type(check))}
    short = {name: value for name, value in plain.items() if name == "kind" or value != taken[name]}
    [unnamed] = checks_from_plain([{name: value for name, value in short.items() if name != "id"}])
    if unnamed.id == check.id:
        del short["id"]
    return dict(sorted(short.items(), key=lambda item: _ORDER.get(item[0], 1)))


def _document(text: str, file_name: str) -> yaml.Node:
    try:
        # events first: an alias may stand for others that stand for others, and nesting may be without end
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise InvalidCheck(
                    f"{_where(event, file_name)}: aliases (*{event.anchor}) are not taken; write it out."
                )
            if depth > NESTING_MAX:
                raise InvalidCheck(
                    f"{_where(event, file_name)}: this is nested more than {NESTING_MAX} deep, as no check is."
                )
        document = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as unreadable:
        raise InvalidCheck(_told(unreadable, file_name)) from unreadable
    if document is None:
        raise InvalidCheck(f"{file_name} is empty; list the checks under '{_KEY}:'.")
    return document


def _asked(document: yaml.Node, file_name: str) -> yaml.Node:
    """Return what is listed under `checks`; a list may also stand alone."""
    if isinstance(document, yaml.SequenceNode):
        return document
    if not isinstance(document, yaml.MappingNode):
        raise InvalidCheck(f"{_where(document, file_name)}: this is no list of checks; list them under '{_KEY}:'.")
    if not document.value:
        raise InvalidCheck(f"{file_name} holds no checks; list them under '{_KEY}:'.")
    under: dict[Any, yaml.Node] = {_plain(key, file_name): value for key, value in document.value}
    if other := next((key for key, _ in document.value if _plain(key, file_name) != _KEY), None):
        raise InvalidCheck(
            f"{_where(other, file_name)}: nothing is known of {_plain(other, file_name)!r}; list the checks under '{_KEY}:'."
        )
    return under[_KEY]


def _of_item(place: int, node: yaml.Node, file_name: str) -> Check:
    plain = _plain(node, file_name)
    with _placed(node, file_name):
        if isinstance(plain, Mapping) and "kind" not in plain:
            raise InvalidCheck(f"Check {place} has no kind; write one such as 'kind: not_null'.")
        [check] = checks_from_plain([plain], first_place=place)
        return check


def _of_column(key: yaml.Node, wish: yaml.Node, file_name: str) -> Iterator[Check]:
    column = _plain(key, file_name)
    if not isinstance(column, str):
        raise InvalidCheck(
            f"{_where(key, file_name)}: {column!r} is no column's name; put it in quotes if it is meant as one."
        )
    for each in wish.value if isinstance(wish, yaml.SequenceNode) else [wish]:
        with _placed(each, file_name):
            yield from checks_from_plain(list(spelt_out({column: [_plain(each, file_name)]})))


@contextmanager
def _placed(node: yaml.Node, file_name: str) -> Iterator[None]:
    """Have a refusal from within say where it was."""
    try:
        yield
    except InvalidCheck as wrong:
        raise InvalidCheck(f"{_where(node, file_name)}: {wrong.detail}") from wrong


def _plain(node: yaml.Node, file_name: str) -> Any:
    """Return what a node says in the types JSON has; dates are the texts they are written as."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, file_name)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, file_name) for each in node.value]
    named: dict[Any, Any] = {}
    for key, value in node.value:
        name = _plain(key, file_name)
        if not isinstance(name, str | int | float | bool) or name in named:
            raise InvalidCheck(f"{_where(key, file_name)}: {name!r} stands here twice or is no name; give each once.")
        named[name] = _plain(value, file_name)
    return named


def _scalar(node: yaml.ScalarNode, file_name: str) -> Any:
    if node.tag == "tag:yaml.org,2002:timestamp":
        return node.value
    loader = yaml.CSafeLoader("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError) as unusable:
        raise InvalidCheck(
            f"{_where(node, file_name)}: {node.value[:80]!r} cannot be read; put a text in quotes."
        ) from unusable
    finally:
        loader.dispose()


def _where(what: Any, file_name: str) -> str:
    return f"{file_name}, line {what.start_mark.line + 1}"


def _told(unreadable: yaml.YAMLError, file_name: str) -> str:
    mark = getattr(unreadable, "problem_mark", None)
    problem = getattr(unreadable, "problem", None) or "it cannot be read"
    where = file_name if mark is None else f"{file_name}, line {mark.line + 1}"
    return f"{where}: this is no YAML ({problem})."


def _item_lines(check: Check) -> list[str]:
    text = yaml.dump(plain_of(check), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LINE_CHARS_WANTED)
    first, *rest = text.rstrip("\n").split("\n")
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _one_line(text: str) -> str:
    """Return a text without what would end a comment's line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
