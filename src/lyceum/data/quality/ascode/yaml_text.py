"""YAML that people and other tools write, read without what makes it dangerous: no aliases, no objects, bounded nesting."""

from typing import Any

import yaml

from lyceum.data.quality.engine.public import InvalidCheck

FILE_CHARS_MAX = 2_000_000
NESTING_MAX = 20
LINE_CHARS_WANTED = 110


def plain_yaml(text: str, *, file_name: str) -> Any:
    """Return what a YAML text says in the types JSON has; raises `InvalidCheck`, which names the file and the line."""
    return plain_of_node(document_of(text, file_name), file_name)


def yaml_of(plain: Any) -> str:
    """Return what is in the types JSON has as YAML, in its order, with lists of values on a line of their own."""
    return str(yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LINE_CHARS_WANTED))


class _Dumper(yaml.CSafeDumper):
    """Writes lists of values on one line as far as they fit, and what no editor shows as escapes."""


def _sequence(dumper: _Dumper, values: list[Any] | tuple[Any, ...]) -> yaml.SequenceNode:
    is_flat = not any(isinstance(value, dict | list) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=is_flat)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    lines = text.split("\n")
    # a query as its author sees it
    is_block = len(lines) > 1 and all(line.isprintable() and line == line.strip() and line for line in lines)
    style = "|" if is_block else None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(tuple, _sequence)
_Dumper.add_representer(str, _text)


def document_of(text: str, file_name: str) -> yaml.Node:
    """Return a text's nodes, which know their lines; raises `InvalidCheck`."""
    if len(text) > FILE_CHARS_MAX:
        raise InvalidCheck(f"{file_name} holds more than {FILE_CHARS_MAX:,} characters; split it into several files.")
    try:
        # events first: an alias may stand for others that stand for others, and nesting may be without end
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise InvalidCheck(
                    f"{where_of(event, file_name)}: aliases (*{event.anchor}) are not taken; write it out."
                )
            if depth > NESTING_MAX:
                raise InvalidCheck(
                    f"{where_of(event, file_name)}: this is nested more than {NESTING_MAX} deep, as no check is."
                )
        document = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as unreadable:
        raise InvalidCheck(_told(unreadable, file_name)) from unreadable
    if document is None:
        raise InvalidCheck(f"{file_name} is empty.")
    return document


def plain_of_node(node: yaml.Node, file_name: str) -> Any:
    """Return what a node says in the types JSON has; dates are the texts they are written as."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, file_name)
    if isinstance(node, yaml.SequenceNode):
        return [plain_of_node(each, file_name) for each in node.value]
    named: dict[Any, Any] = {}
    for key, value in node.value:
        name = plain_of_node(key, file_name)
        if not isinstance(name, str | int | float | bool) or name in named:
            raise InvalidCheck(f"{where_of(key, file_name)}: {name!r} stands here twice or is no name; give each once.")
        named[name] = plain_of_node(value, file_name)
    return named


def _scalar(node: yaml.ScalarNode, file_name: str) -> Any:
    if node.tag == "tag:yaml.org,2002:timestamp":
        return node.value
    loader = yaml.CSafeLoader("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError) as unusable:
        raise InvalidCheck(
            f"{where_of(node, file_name)}: {node.value[:80]!r} cannot be read; put a text in quotes."
        ) from unusable
    finally:
        loader.dispose()


def where_of(what: Any, file_name: str) -> str:
    """Return the file and the line of a node, for the beginning of a sentence."""
    return f"{file_name}, line {what.start_mark.line + 1}"


def _told(unreadable: yaml.YAMLError, file_name: str) -> str:
    mark = getattr(unreadable, "problem_mark", None)
    problem = getattr(unreadable, "problem", None) or "it cannot be read"
    where = file_name if mark is None else f"{file_name}, line {mark.line + 1}"
    return f"{where}: this is no YAML ({problem})."
