"""The plain pages' templates, and the headers that every such page is sent with."""

import re
from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup, escape

from lyceum.kernel.http.protection import PLAIN_PAGE_POLICY
from lyceum.version import VERSION

HERE = Path(__file__).parent
SECURITY_HEADERS = {"content-security-policy": PLAIN_PAGE_POLICY}
_BACKTICKS = re.compile(r"`([^`]+)`")
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: Request,
    template: str,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] = SECURITY_HEADERS,
    **values: object,
) -> HTMLResponse:
    """Return a page made of a template; what stands in `values` is escaped."""
    root = request.scope.get("root_path", "")
    text = _templates.get_template(template).render(root=root, version=VERSION, **values)
    return HTMLResponse(text, status_code=status_code, headers=dict(headers))


def _code_spans(text: str) -> Markup:
    """Return a sentence with what stands between backticks set as code; all of it is escaped."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 escaped on this line


_templates.filters["code_spans"] = _code_spans
