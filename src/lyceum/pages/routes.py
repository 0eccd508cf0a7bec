"""The plain pages: what is here, the set-up form, and the API's reference; no script, nothing from elsewhere."""

import asyncio
import re
from pathlib import Path
from urllib.parse import parse_qs

import orjson
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup, escape
from pydantic import ValidationError

from lyceum.accounts.edge import OPEN, CurrentResources, api_router, limit_sign_ins, needs, own_limit
from lyceum.accounts.public import FirstAdministrator, set_up, setup_link_works
from lyceum.kernel.db import NOBODY
from lyceum.kernel.problems import Problem, TooLarge
from lyceum.kernel.tx import aside
from lyceum.pages.document import api_document
from lyceum.pages.reference import reference_of
from lyceum.version import VERSION

HERE = Path(__file__).parent
FORM_BYTES_MAX = 10_000
FORM_LABELS = {"token": "The set-up link", "email": "E-mail", "display_name": "Name", "password": "Password"}
_BACKTICKS = re.compile(r"`([^`]+)`")
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}

router = api_router("", include_in_schema=False)
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)


def _code_spans(text: str) -> Markup:
    """Return a sentence with what stands between backticks set as code; all of it is escaped."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 escaped on this line


_templates.filters["code_spans"] = _code_spans


def _page(request: Request, template: str, *, status_code: int = 200, **values: object) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    text = _templates.get_template(template).render(root=root, version=VERSION, **values)
    return HTMLResponse(text, status_code=status_code, headers=SECURITY_HEADERS)


@router.get("/")
@needs(OPEN)
async def first_page(request: Request, resources: CurrentResources) -> HTMLResponse:
    """Say what is here and what to do next."""
    settings = resources.settings
    return _page(request, "home.html", address=settings.base_url)


@router.get("/setup")
@needs(OPEN)
async def setup_form(request: Request, resources: CurrentResources, token: str = "") -> HTMLResponse:
    """Show the form of a set-up link, or say that the link has been used."""
    async with aside(resources.database, NOBODY) as tx:
        works = await setup_link_works(tx, token)
    if not works:
        return _page(request, "setup_used.html", status_code=410)
    return _page(request, "setup.html", token=token, problem="", email="", display_name="")


@router.post("/setup", dependencies=[Depends(limit_sign_ins)])
@needs(OPEN)
async def use_setup_form(request: Request, resources: CurrentResources) -> HTMLResponse:
    """Take the form; show the administrator's first key this once."""
    body = await request.body()
    if len(body) > FORM_BYTES_MAX:
        raise TooLarge("The form is larger than any set-up needs.")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    given = {name: fields.get(name, [""])[0] for name in FORM_LABELS}
    shown = {name: given[name] for name in ("token", "email", "display_name")}
    try:
        organisation, key = await set_up(resources, FirstAdministrator(**given))
    except ValidationError as error:
        problem = f"{FORM_LABELS[str(error.errors()[0]['loc'][0])]} is missing or cannot be used."
        return _page(request, "setup.html", status_code=422, problem=problem, **shown)
    except Problem as error:
        if error.code == "setup_link_used":
            return _page(request, "setup_used.html", status_code=410)
        return _page(request, "setup.html", status_code=error.status, problem=error.detail, **shown)
    return _page(request, "setup_done.html", organisation=organisation, secret=key.secret)


@router.get("/api/docs")
@needs(OPEN)
async def api_reference(request: Request) -> HTMLResponse:
    """Show every operation of the API with what it takes and gives."""
    document = await api_document(request.app)
    return await asyncio.to_thread(lambda: _page(request, "reference.html", groups=reference_of(document)))


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
    headers = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
    return Response((HERE / "static" / name).read_bytes(), media_type=kinds[name], headers=headers)
