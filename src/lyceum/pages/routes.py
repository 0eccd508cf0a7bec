"""The plain pages: what is here, the set-up form, and the API's reference; no script, nothing from elsewhere."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import orjson
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from lyceum.accounts.edge import OPEN, CurrentResources, Facts, Tokens, api_router, limit_sign_ins, needs, own_limit
from lyceum.accounts.public import FirstAdministrator, answer_signed_in, set_up, setup_link_works
from lyceum.kernel.db import NOBODY
from lyceum.kernel.problems import Problem, TooLarge
from lyceum.kernel.tx import aside
from lyceum.pages.authorize import router as authorize_router
from lyceum.pages.document import api_document
from lyceum.pages.reference import reference_of
from lyceum.pages.rendering import HERE, page

__all__ = ["authorize_router", "router"]

FORM_BYTES_MAX = 10_000
FORM_LABELS = {"token": "The set-up link", "email": "E-mail", "display_name": "Name", "password": "Password"}
router = api_router("", include_in_schema=False)


@router.get("/")
@needs(OPEN)
async def first_page(request: Request, resources: CurrentResources) -> HTMLResponse:
    """Say what is here and what to do next."""
    settings = resources.settings
    return page(request, "home.html", address=settings.base_url)


@router.get("/setup")
@needs(OPEN)
async def setup_form(request: Request, resources: CurrentResources, token: str = "") -> HTMLResponse:
    """Show the form of a set-up link, or say that the link has been used."""
    async with aside(resources.database, NOBODY) as tx:
        works = await setup_link_works(tx, token)
    if not works:
        return page(request, "setup_used.html", status_code=410)
    return page(request, "setup.html", token=token, problem="", email="", display_name="")


@router.post("/setup", dependencies=[Depends(limit_sign_ins)])
@needs(OPEN)
async def use_setup_form(request: Request, resources: CurrentResources, tokens: Tokens, facts: Facts) -> HTMLResponse:
    """Take the form; show the administrator's first key this once."""
    body = await request.body()
    if len(body) > FORM_BYTES_MAX:
        raise TooLarge("The form is larger than any set-up needs.")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    given = {name: fields.get(name, [""])[0] for name in FORM_LABELS}
    shown: dict[str, Any] = {name: given[name] for name in ("token", "email", "display_name")}
    try:
        made = await set_up(resources, FirstAdministrator(**given), facts=facts)
    except ValidationError as error:
        problem = f"{FORM_LABELS[str(error.errors()[0]['loc'][0])]} is missing or cannot be used."
        return page(request, "setup.html", status_code=422, problem=problem, **shown)
    except Problem as error:
        if error.code == "setup_link_used":
            return page(request, "setup_used.html", status_code=410)
        return page(request, "setup.html", status_code=error.status, problem=error.detail, **shown)
    shown_once = page(request, "setup_done.html", organisation=made.organisation, secret=made.key.secret)
    if made.begun is not None:
        await answer_signed_in(request, shown_once, resources, tokens, made.begun, in_cookies=True)
    return shown_once


@router.get("/api/docs")
@needs(OPEN)
async def api_reference(request: Request) -> HTMLResponse:
    """Show every operation of the API with what it takes and gives."""
    document = await api_document(request.app)
    return await asyncio.to_thread(lambda: page(request, "reference.html", groups=reference_of(document)))


@router.get("/api/openapi.json")
@needs(OPEN)
async def openapi_document(request: Request) -> Response:
    """Describe the API for programs."""
    document = await api_document(request.app)
    root = request.scope.get("root_path", "")
    served = {**document, "servers": [{"url": root}]} if root else document
    return Response(orjson.dumps(served), media_type="application/json")


@router.get("/static/{name}")
@needs(OPEN)
@own_limit
async def static_file(name: str) -> Response:
    """Serve the pages' own style and icon."""
    kinds = {"lyceum.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
    if name not in kinds:
        return Response(status_code=404)
    headers = {"cache-control": "public, max-age=3600"}
    return Response((HERE / "static" / name).read_bytes(), media_type=kinds[name], headers=headers)
