"""The API's OpenAPI document: made in a thread, since making it takes longer than the loop may be held."""

import asyncio
from typing import Any

from fastapi import FastAPI

from lyceum.kernel.http.documented import with_refusals
from lyceum.serve.predictions.public import PREDICT_OPERATION, PREDICT_PATH

Document = dict[str, Any]


async def api_document(app: FastAPI) -> Document:
    """Return the document of every route of the app, the prediction path with them; made at the first call."""
    made: Document | None = getattr(app.state, "api_document", None)
    if made is None:
        made = app.state.api_document = await asyncio.to_thread(_document, app)
    return made


def _document(app: FastAPI) -> Document:
    written = app.openapi()
    return with_refusals({**written, "paths": {**written["paths"], PREDICT_PATH: {"post": PREDICT_OPERATION}}})
