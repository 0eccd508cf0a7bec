"""The web app's built files over HTTP: kept for a year where their names hold a digest, else asked for again each time.

They are read once, at the start, in the forms that the build has compressed. Before the hub's plain pages stands what the app
has: its files, and the paths of its pages. Behind them stands what nobody has: the app again, which says so itself, with a 404,
and for what looks like a file a plain one.
"""

import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

BUILT = Path(__file__).resolve().parent.parent / "_web"
PAGE = "index.html"
PAGES = "pages.json"
ASSETS = "assets/"
NOT_PAGES = ("/api/", "/health/", "/static/", "/.well-known/")
NOT_PAGES_EXACTLY = frozenset({"/api", "/authorize", "/health", "/metrics"})
_BASE = '<base href="/" />'
_NOT_SERVED = frozenset({"built.json", PAGE, PAGES})
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


@dataclass(frozen=True, slots=True)
class BuiltApp:
    """What the build has made: its files by their path below the hub's, and the paths of its pages as one expression."""

    files: Mapping[str, WebFile]
    page: WebFile
    paths: re.Pattern[str]


def read_web_app() -> BuiltApp | None:
    """Return what is built, None when the app is not, or was by a release that did not list its pages."""
    try:
        return _read_app(BUILT)
    except FileNotFoundError:
        # a build has just put others in their place
        return _read_app(BUILT)


def _read_app(folder: Path) -> BuiltApp | None:
    if not (folder / PAGE).is_file() or not (folder / PAGES).is_file():
        return None
    endings = tuple(ending for _, ending in _ENCODINGS)
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(endings)]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    files = {name: _read(name, path) for name, path in names.items() if name not in _NOT_SERVED and name[0] != "."}
    pages = json.loads((folder / PAGES).read_text(encoding="utf-8"))
    return BuiltApp(files, _read(PAGE, names[PAGE]), re.compile("|".join(map(_expression_of, pages)), re.IGNORECASE))


def _expression_of(page: str) -> str:
    """Return what matches the paths of a page whose `$name` stands for one word and whose `$` for all that comes."""
    words = (".*" if word == "$" else "[^/]+" if word[:1] == "$" else re.escape(word) for word in page.split("/"))
    return "/".join(words).rstrip("/") + "/?"


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
    """The route of what the app has: its files, and its pages, each of which is the same file."""

    def __init__(self, app: BuiltApp, *, root_path: str) -> None:
        self._files, self._paths, page = app.files, app.paths, app.page
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
        path = _path_of(scope)
        if path.startswith(NOT_PAGES) or path in NOT_PAGES_EXACTLY or not self._answers(path):
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.handle, "route": self}

    def _answers(self, path: str) -> bool:
        return path.lstrip("/") in self._files or self._has_page(path)

    def _has_page(self, path: str) -> bool:
        return self._paths.fullmatch(path) is not None

    @property
    def path(self) -> str:
        """What metrics and traces call all pages and files of the app."""
        return "/{page}"

    def answer_page(self) -> Response:
        """Return the app's page as the answer to a path that a route of the hub's own has looked at first."""
        headers = {**_headers(self._page, is_page=True), "content-type": self._page.media_type}
        return Response(self._page.forms[""], headers=headers)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 ASGI's form
        """Send the file or the page; raises `HTTPException` for what would be a file and is none."""
        path = _path_of(scope)
        found = self._found(path)
        if found is None:
            raise HTTPException(404, "There is no such file.")
        asked = Headers(scope=scope)
        is_page = found is self._page
        status = 404 if is_page and not self._has_page(path) else 200
        headers = _headers(found, is_page=is_page)
        if asked.get("if-none-match") == found.etag and status == 200:
            await _send(send, 304, headers, b"")
            return
        form, content = found.form_for(asked.get("accept-encoding", ""))
        headers |= {"content-type": found.media_type, "content-length": str(len(content))}
        if form:
            headers["content-encoding"] = form
        await _send(send, status, headers, b"" if scope["method"] == "HEAD" else content)

    def _found(self, path: str) -> WebFile | None:
        name = path.lstrip("/")
        found = self._files.get(name)
        if found is not None:
            return found
        # a page's last word may have a dot, as dataset names may; what lies with the assets is a file or nothing
        return None if name.startswith(ASSETS) or name in _NOT_SERVED or _looks_like_a_file(name) else self._page


class NoPage(WebApp):
    """The route behind all others: the app's page for what nobody has, which tells a reader so."""

    def _answers(self, path: str) -> bool:  # noqa: ARG002 whatever it is
        return True


def _path_of(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


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
