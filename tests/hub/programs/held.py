"""Serves requests that never end, and says in its log how it ends itself."""

import asyncio
import sys

from starlette.types import Receive, Scope, Send

from lyceum.kernel.config import settings
from lyceum.kernel.serving import serve_http


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sys.stderr.write("shut down\n")
        await send({"type": "lifespan.shutdown.complete"})
        return
    sys.stderr.write("held\n")
    await asyncio.Event().wait()


def main() -> None:
    serve_http(app, settings(), port=settings().port)
    sys.stderr.write("ended by itself\n")
