"""The API's OpenAPI document: made in a thread, since making it takes longer than the loop may be held."""

import asyncio
from typing import Any

from fastapi import FastAPI

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
    return {**written, "paths": {**written["paths"], PREDICT_PATH: {"post": PREDICT_OPERATION}}}
