"""What the API's document says of refusals: any route may give some of them, whatever it does; what else it gives, it says.

A change may conflict with another one, and one that takes a body may be sent too large a one.
"""

from typing import Any

from lyceum.kernel.http.connections import HeadTooLarge
from lyceum.kernel.problems import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)

Document = dict[str, Any]

PROBLEM_TYPE = "application/problem+json"
_PROBLEM: Document = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457); `code` is for programs, `detail` one sentence for a person.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "What is wrong with which field, where the request could not be read.",
            "items": {
                "type": "object",
                "required": ["field", "problem"],
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}
_REFUSES_ANYBODY: tuple[type[Problem], ...] = (
    *(Unauthenticated, Forbidden, Invalid, TooMany, HeadTooLarge, Unavailable),
    # also of the organisation that a request names to act in
    NotFound,
)
_REPLACED = ("HTTPValidationError", "ValidationError")
_KEY: Document = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, as `Authorization: Bearer lyk_…`. What is public is answered without.",
}


def with_refusals(document: Document) -> Document:
    """Return the document with every refusal that the hub gives for reasons of its own, and how one says who one is.

    What a route says of a status itself stays; a description without content gets that of a problem.
    """
    components = document.get("components", {})
    kept = {name: schema for name, schema in components.get("schemas", {}).items() if name not in _REPLACED}
    return {
        **document,
        "paths": {
            path: {method: _with_refusals(path, method, operation) for method, operation in methods.items()}
            for path, methods in document["paths"].items()
        },
        "components": {
            **components,
            "schemas": {**kept, "Problem": _PROBLEM},
            "securitySchemes": {**components.get("securitySchemes", {}), "key": _KEY},
        },
        "security": [{"key": []}, {}],
    }


def _with_refusals(path: str, method: str, operation: Document) -> Document:
    responses = {status: _with_content(status, said) for status, said in operation["responses"].items()}
    for problem in _refusals_of(path, method, takes_body="requestBody" in operation):
        responses.setdefault(str(problem.status), _refusal(problem.title))
    return {**operation, "responses": dict(sorted(responses.items()))}


def _refusals_of(path: str, method: str, *, takes_body: bool) -> tuple[type[Problem], ...]:
    if not path.startswith("/api/"):
        return (HeadTooLarge, Unavailable)
    if method == "get":
        return _REFUSES_ANYBODY
    return (*_REFUSES_ANYBODY, Conflict, *((TooLarge,) if takes_body else ()))


def refuses(*problems: type[Problem]) -> dict[int | str, Document]:
    """Return what a route says in its `responses` of refusals that not every route gives."""
    return {problem.status: {"description": problem.title} for problem in problems}


def oauth_refusal(description: str) -> Document:
    """Return what a route says of a refusal in the form that OAuth gives it (RFC 6749, 5.2)."""
    schema = {
        "type": "object",
        "required": ["error", "error_description"],
        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    }
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _with_content(status: str, said: Document) -> Document:
    if not status.startswith(("4", "5")):
        return said
    if status == str(Invalid.status):
        return _refusal(Invalid.title)
    return {**_refusal(said["description"]), **said}


def _refusal(description: str) -> Document:
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
