"""JSON that means one thing: what two readers could take differently, or no database keeps, is refused where it is read."""

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from fastapi import Request

_SUSPECT = ("\\u0000", "\\ud", "\\uD")
"""What stands in a text with a NUL, or with half a character, in JSON."""


class StrictRequest(Request):
    """A request whose body is read by `read_json`."""

    async def json(self) -> Any:
        """Return the body; raises `json.JSONDecodeError`, which the edge answers with its words."""
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json


def read_json(body: bytes) -> Any:
    """Return what a body in UTF-8 holds; raises `json.JSONDecodeError` with what is wrong and where."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError("it is not UTF-8", "", error.start) from None
    try:
        read = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_number, parse_float=_number)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        _refuse("it is nested too deeply")
    except ValueError:
        _refuse("a number in it is too large")
    if any(escape in text for escape in _SUSPECT):
        _refuse_broken_texts(read)
    return read


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse(f"it has {twice[:100]!r} twice in one object")
    return found


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        _refuse("a number in it is too large")
    return number


def _refuse_number(name: str) -> NoReturn:
    _refuse(f"{name} is no number of JSON; leave it out, or send null")


def _refuse_broken_texts(read: Any) -> None:
    for text in _texts(read):
        if "\0" in text:
            _refuse("a text in it holds a NUL character; send it without")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                _refuse("a text in it holds half a character")


def _texts(read: Any) -> Iterator[str]:
    waiting = [read]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.keys()
            waiting += value.values()


def _refuse(what: str) -> NoReturn:
    raise json.JSONDecodeError(what, "", 0)
