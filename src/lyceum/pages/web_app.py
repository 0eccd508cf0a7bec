"""The web app's built files over HTTP: kept for a year where their names hold a digest, else asked for again each time.

They are read once, at the start, in the forms that the build has compressed. What is no file of the app and no path of the
API is a page of the app, which finds its own way; what looks like a file and is none is a plain 404.
"""

import hashlib
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

BUILT = Path(__file__).resolve().parent.parent / "_web"
PAGE = "index.html"
ASSETS = "assets/"
NOT_PAGES = ("/api/", "/health/", "/static/", "/.well-known/")
NOT_PAGES_EXACTLY = frozenset({"/api", "/health", "/metrics"})
_BASE = '<base href="/" />'
_NOT_SERVED = frozenset({"built.json", PAGE})
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
FOR_A_YEAR = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("text/javascript", ".js")


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file in each form it is there in; `forms[""]` is the plain one."""

    media_type: str
    cache_control: str
    etag: str
    forms: Mapping[str, bytes]

    def form_for(self, accepted: str) -> tuple[str, bytes]:
        """Return the smallest form that the `Accept-Encoding` takes, with its name."""
        taken = {
            part.partition(";")[0].strip() for part in accepted.split(",") if not part.replace(" ", "").endswith(";q=0")
        }
        for name, _ in _ENCODINGS:
            if name in taken and name in self.forms:
                return name, self.forms[name]
        return "", self.forms[""]


def read_web_files() -> dict[str, WebFile]:
    """Return the built files by their path below the hub's; empty when the app is not built."""
    folder = BUILT
    if not (folder / PAGE).is_file():
        return {}
    endings = tuple(ending for _, ending in _ENCODINGS)
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(endings)]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    files = {name: _read(name, path) for name, path in names.items() if name not in _NOT_SERVED and name[0] != "."}
    return {**files, PAGE: _read(PAGE, names[PAGE])}


def _read(name: str, path: Path) -> WebFile:
    plain = path.read_bytes()
    beside = {form: path.with_name(path.name + ending) for form, ending in _ENCODINGS}
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_text = media_type.startswith("text/") or media_type.endswith(("json", "xml"))
    return WebFile(
        media_type=f"{media_type}; charset=utf-8" if is_text else media_type,
        cache_control=FOR_A_YEAR if name.startswith(ASSETS) else ASK_AGAIN,
        etag=f'"{hashlib.sha256(plain).hexdigest()[:32]}"',
        forms={"": plain} | {form: other.read_bytes() for form, other in beside.items() if other.is_file()},
    )


class WebApp(BaseRoute):
    """The route behind the API's own: the app's files, and its page for whatever else a reader may open."""

    def __init__(self, files: Mapping[str, WebFile], *, root_path: str) -> None:
        self._files = dict(files)
        page = self._files.pop(PAGE)
        text = page.forms[""].decode()
        if root_path:
            text = text.replace(_BASE, f'<base href="{escape(root_path.rstrip("/"))}/" />')
            content = text.encode()
            page = WebFile(
                page.media_type, page.cache_control, f'"{hashlib.sha256(content).hexdigest()[:32]}"', {"": content}
            )
        self._page = page

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match reads of what is the app's; everything else stays as unknown as it is without it."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            return Match.NONE, {}
        path = get_route_path(scope)
        if path.startswith(NOT_PAGES) or path in NOT_PAGES_EXACTLY:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.handle, "route": self}

    @property
    def path(self) -> str:
        """What metrics and traces call all pages and files of the app."""
        return "/{page}"

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 ASGI's form
        """Send the file or the page; raises `HTTPException` for what would be a file and is none."""
        found = self._found(get_route_path(scope))
        if found is None:
            raise HTTPException(404, "There is no such file.")
        asked = Headers(scope=scope)
        headers = _headers(found, is_page=found is self._page)
        if asked.get("if-none-match") == found.etag:
            await _send(send, 304, headers, b"")
            return
        form, content = found.form_for(asked.get("accept-encoding", ""))
        headers |= {"content-type": found.media_type, "content-length": str(len(content))}
        if form:
            headers["content-encoding"] = form
        await _send(send, 200, headers, b"" if scope["method"] == "HEAD" else content)

    def _found(self, path: str) -> WebFile | None:
        name = path.lstrip("/")
        found = self._files.get(name)
        if found is not None:
            return found
        # a page's last word may have a dot, as dataset names may; what lies with the assets is a file or nothing
        return None if name.startswith(ASSETS) or name in _NOT_SERVED or _looks_like_a_file(name) else self._page


def _looks_like_a_file(name: str) -> bool:
    return "/" not in name and "." in name


def _headers(found: WebFile, *, is_page: bool) -> dict[str, str]:
    headers = {
        "cache-control": found.cache_control,
        "etag": found.etag,
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return headers | {"content-security-policy": POLICY} if is_page else headers


async def _send(send: Send, status: int, headers: Mapping[str, str], content: bytes) -> None:
    pairs: Iterable[tuple[bytes, bytes]] = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": list(pairs)})
    await send({"type": "http.response.body", "body": content})
