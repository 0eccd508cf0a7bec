"""The API's reference, made from its own OpenAPI document."""

from dataclasses import dataclass

from lyceum.pages.document import Document


@dataclass(frozen=True, slots=True)
class Field:
    """One member of what is sent or answered."""

    name: str
    type: str
    required: bool
    note: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: what it does, takes and gives."""

    method: str
    path: str
    summary: str
    parameters: tuple[Field, ...]
    takes: tuple[Field, ...]
    gives: tuple[Field, ...]
    gives_status: str


@dataclass(frozen=True, slots=True)
class Group:
    """The routes of one module."""

    name: str
    operations: tuple[Operation, ...]


def reference_of(document: Document) -> list[Group]:
    """Return the operations by group, in the document's order."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = (operation.get("tags") or ["other"])[0]
            groups.setdefault(name, []).append(_operation(document, method, path, operation))
    return [Group(name, tuple(operations)) for name, operations in groups.items()]


def _operation(document: Document, method: str, path: str, operation: Document) -> Operation:
    parameters = tuple(
        Field(p["name"], _type(p.get("schema", {})), p.get("required", False), p.get("description", ""))
        for p in operation.get("parameters", [])
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    responses: Document = operation.get("responses", {})
    status = next(iter(responses), "")
    answer: Document = responses.get(status, {})
    gives = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return Operation(
        method=method.upper(),
        path=path,
        summary=str(operation.get("description") or operation.get("summary") or ""),
        parameters=parameters,
        takes=_fields(document, body),
        gives=_fields(document, gives),
        gives_status=status,
    )


def _fields(document: Document, schema: Document) -> tuple[Field, ...]:
    reference = schema.get("$ref")
    if reference is not None:
        schema = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    required = set(schema.get("required", []))
    return tuple(
        Field(name, _type(member), name in required, member.get("description", ""))
        for name, member in schema.get("properties", {}).items()
    )


def _type(schema: Document) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = str(schema.get("format") or schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return kind
