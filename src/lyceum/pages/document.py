"""The API's OpenAPI document: made in a thread, since making it takes longer than the loop may be held."""

import asyncio
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from lyceum.accounts.edge import NEEDS_ROOM, SECURITY_SCHEMES, needs_fresh, needs_of, operation_needs
from lyceum.kernel.http.documented import refuses, with_refusals
from lyceum.kernel.problems import NoSpace
from lyceum.serve.predictions.public import PREDICT_OPERATION, PREDICT_PATH

Document = dict[str, Any]


async def api_document(app: FastAPI) -> Document:
    """Return the document of every route of the app, the prediction path with them; made at the first call."""
    made: Document | None = getattr(app.state, "api_document", None)
    if made is None:
        made = app.state.api_document = await asyncio.to_thread(document_of, app)
    return made


def document_of(app: FastAPI) -> Document:
    """Return the document, made anew; takes some 100 ms."""
    written = app.openapi()
    paths: dict[str, dict[str, Any]] = {**written["paths"], PREDICT_PATH: {"post": dict(PREDICT_OPERATION)}}
    for route in app.routes:
        if not isinstance(route, Route) or route.path not in paths or (declared := needs_of(route.endpoint)) is None:
            continue
        grows = refuses(NoSpace) if isinstance(route, APIRoute) and NEEDS_ROOM in route.dependencies else {}
        told = operation_needs(declared, fresh=needs_fresh(route.endpoint))
        for method in (route.methods or set()) & {name.upper() for name in paths[route.path]}:
            operation = paths[route.path][method.lower()]
            says = f"{operation.get('description', '')}\n\n{told['says']}".strip()
            operation["responses"] |= {str(status): said for status, said in grows.items()}
            operation |= {"description": says, "x-lyceum-needs": told["needs"], "security": told["security"]}
    components = {**written.get("components", {}), "securitySchemes": SECURITY_SCHEMES}
    return with_refusals({**written, "paths": paths, "components": components})
