"""What a message comes to: values by the names of columns, or why it has none."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

Kinds = Mapping[str, str]
"""Types of columns by name."""


class Undecodable(Exception):
    """The message is not what the stream's format says; the text is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message's values; `kinds` are the columns its schema tells of, in order, None where it has no schema."""

    values: Mapping[str, Any]
    kinds: Kinds | None


def joined(kinds: set[str]) -> str:
    """Return the type of a column that holds values of several."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return "float" if kinds == {"integer", "float"} else "string"


def plain(value: Any) -> Any:
    """Return a value of Avro as one of a column: what is neither number, text nor date becomes text."""
    if value is None or isinstance(value, str | int | float | datetime):
        return value
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict | list | tuple | timedelta):
        return as_text(value)
    return value


def as_text(value: Any) -> str:
    """Return what is nested as JSON."""
    return msgspec.json.encode(value, enc_hook=str).decode()


def said(error: Exception) -> str:
    """Return what a library complains of, to stand within a sentence."""
    text = " ".join(str(error).split())
    return (text or type(error).__name__)[:200].rstrip(".")
