"""Records in the body of a request, and how the API's document describes them."""

from typing import Any

from fastapi import Request

from lyceum.data.datasets.pushes.errors import MediaTypeUnknown
from lyceum.data.datasets.pushes.records import Form

_FORMS: dict[str, Form] = {
    "": "json",
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
}
_RECORD: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
RECORDS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Records by the names of the columns, as one list, or one record on each line.",
        "content": {
            "application/json": {"schema": {"type": "array", "minItems": 1, "items": _RECORD}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


def form_of(request: Request) -> Form:
    """Return the form that a request says its records have; raises `MediaTypeUnknown`."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = _FORMS.get(said)
    if form is None:
        raise MediaTypeUnknown(
            f"{said[:100]!r} is no form that records are taken in; send application/json with a list, or "
            "application/x-ndjson with one record on each line."
        )
    return form
