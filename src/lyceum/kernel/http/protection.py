"""What every answer tells a browser not to do with it, made once from the settings."""

from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from lyceum.kernel.config import Settings

RawHeaders = list[tuple[bytes, bytes]]

HSTS_SECONDS = 365 * 86_400
CORS_MAX_AGE_SECONDS = 600
PLAIN_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of pages that need no script."""
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Of whatever is no page: opened in a tab, it can do nothing."""

_POLICY = b"content-security-policy"
_CACHE = b"cache-control"
_TYPE = b"content-type"
# a worker's script brings the policy its worker runs under
_RUNS_IN_BROWSERS = (b"text/html", b"text/javascript", b"application/javascript")
_SWITCHED_OFF = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone"),
    *("midi", "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)
_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", ", ".join(f"{name}=()" for name in _SWITCHED_OFF).encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_CORS_TAKES = (
    *("authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "if-range", "range"),
    *("lyceum-organisation", "lyceum-trial", "repr-digest", "content-digest", "traceparent", "x-request-id"),
)
_CORS_SHOWS = (
    *("content-disposition", "content-range", "etag", "location", "repr-digest", "retry-after", "traceresponse"),
    *("ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
    *("www-authenticate", "x-request-id"),
)


class Protection:
    """The headers of a hub's answers; `protect` adds those an answer does not set for itself."""

    def __init__(self, settings: Settings) -> None:
        always = list(_ALWAYS)
        if settings.public_url and urlsplit(settings.public_url).scheme == "https":
            whole = "; includeSubDomains" if settings.hsts_subdomains else ""
            always.append((b"strict-transport-security", f"max-age={HSTS_SECONDS}{whole}".encode()))
        self._always = tuple(always)
        self._names = frozenset({name for name, _ in always} | {_POLICY, _CACHE})
        self._page_policy = (_POLICY, app_policy(settings).encode())
        self._data_policy = (_POLICY, DATA_POLICY.encode())
        not_stored = (_CACHE, b"no-store")
        self.of_data: tuple[tuple[bytes, bytes], ...] = (*self._always, self._data_policy, not_stored)
        """All of them for an answer that sets none of them and is no page."""
        self._of_page = (*self._always, self._page_policy, not_stored)

    def protect(self, headers: RawHeaders) -> None:
        """Add to the headers of an answer, named in small letters, whichever of ours it does not set."""
        given = dict(headers)
        added = self._of_page if given.get(_TYPE, b"").startswith(_RUNS_IN_BROWSERS) else self.of_data
        if self._names.isdisjoint(given):
            headers += added
        else:
            headers += [header for header in added if header[0] not in given]


def app_policy(settings: Settings) -> str:
    """Return the Content-Security-Policy of the web app: its own scripts and styles, and none that stand in a page."""
    reached = " ".join(("'self'", *_storage_origins(settings)))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        f"connect-src {reached}; frame-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def with_cors(app: ASGIApp, *, settings: Settings) -> ASGIApp:
    """Return the app answering pages of the origins in the settings, never with cookies; as it is where there are none."""
    if not settings.cors_origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=_CORS_TAKES,
        expose_headers=_CORS_SHOWS,
        # a page elsewhere comes with a key of its own and never as whoever is signed in here
        allow_credentials=False,
        max_age=CORS_MAX_AGE_SECONDS,
    )


def _storage_origins(settings: Settings) -> tuple[str, ...]:
    """Return where a browser may have to send files itself."""
    if settings.storage_url is None or urlsplit(settings.storage_url).scheme != "s3":
        return ()
    options = {name.lower().removeprefix("aws_"): value for name, value in settings.storage_options.items()}
    endpoint = options.get("endpoint") or options.get("endpoint_url")
    if endpoint is None:
        return ("https://*.amazonaws.com",)
    parts = urlsplit(endpoint.get_secret_value())
    return (f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",)
