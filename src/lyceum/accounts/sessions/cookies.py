"""The cookies of a browser's session, and what a request by them has to bring so that no other site's page can send it.

`lyceum_access` goes with every request, `lyceum_refresh` only where it is used, and `lyceum_csrf` can be read by the hub's
own pages, which send it back in a header. With TLS their names say so, and browsers hold nobody's to it who has none.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from lyceum.accounts.errors import CsrfRefused
from lyceum.accounts.sessions.access_tokens import ACCESS_SECONDS
from lyceum.kernel.config import Settings
from lyceum.kernel.http.origins import is_own_origin
from lyceum.kernel.security import Signer

REFRESH_PATH = "/api/v1/sessions"
CSRF_HEADER = "x-csrf-token"
_ACCESS, _REFRESH, _CSRF = "lyceum_access", "lyceum_refresh", "lyceum_csrf"
_CSRF_PURPOSE = "csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class CookieNames:
    """What the cookies are called, and whether browsers send them by TLS alone."""

    access: str
    refresh: str
    csrf: str
    secure: bool


PLAIN = CookieNames(_ACCESS, _REFRESH, _CSRF, secure=False)
SECURE = CookieNames(f"__Host-{_ACCESS}", f"__Secure-{_REFRESH}", f"__Host-{_CSRF}", secure=True)


def cookie_names(connection: HTTPConnection, settings: Settings) -> CookieNames:
    """Return the names for a connection: those for TLS where it came by that, or the hub's public address says https."""
    by_tls = connection.scope.get("scheme") in {"https", "wss"}
    public = settings.public_url is not None and urlsplit(settings.public_url).scheme == "https"
    return SECURE if by_tls or public else PLAIN


def set_cookies(
    response: Response,
    names: CookieNames,
    *,
    access_token: str,
    refresh_token: str,
    csrf_token: str,
    refresh_seconds: int,
    root_path: str,
) -> None:
    """Have a browser keep a session."""
    response.set_cookie(
        names.access,
        access_token,
        max_age=ACCESS_SECONDS,
        path="/",
        secure=names.secure,
        httponly=True,
        samesite="lax",
    )
    response.set_cookie(
        names.refresh,
        refresh_token,
        max_age=refresh_seconds,
        path=f"{root_path}{REFRESH_PATH}",
        secure=names.secure,
        httponly=True,
        samesite="strict",
    )
    response.set_cookie(
        names.csrf,
        csrf_token,
        max_age=refresh_seconds,
        path="/",
        secure=names.secure,
        httponly=False,
        samesite="strict",
    )


def clear_cookies(response: Response, names: CookieNames, *, root_path: str) -> None:
    """Have a browser forget its session."""
    for name, path, http_only in (
        (names.access, "/", True),
        (names.refresh, f"{root_path}{REFRESH_PATH}", True),
        (names.csrf, "/", False),
    ):
        response.delete_cookie(name, path=path, secure=names.secure, httponly=http_only, samesite="strict")


def csrf_token_of(signer: Signer, session_id: UUID) -> str:
    """Return what a page has to send in `X-CSRF-Token`: the hub's mark below the session's id."""
    return signer.mark(_CSRF_PURPOSE, session_id.hex)


def csrf_refusal(
    connection: HTTPConnection, method: str, signer: Signer, settings: Settings, *, session_id: UUID
) -> CsrfRefused | None:
    """Return why a request by cookie may have been sent by another site's page; None for one that was not, and reads."""
    if method in _SAFE:
        return None
    if not is_own_origin(connection.headers, settings):
        return CsrfRefused("This came from a page of another site; open the hub's own page and do it there.")
    if not signer.marked(connection.headers.get(CSRF_HEADER, ""), _CSRF_PURPOSE, session_id.hex):
        return CsrfRefused("The X-CSRF-Token header must hold what the cookie lyceum_csrf says; load the page again.")
    return None
