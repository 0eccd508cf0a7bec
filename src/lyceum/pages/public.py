"""The door of the pages."""

from starlette.routing import BaseRoute

from lyceum.pages.web_app import WebApp, read_web_app

__all__ = ["web_app"]


def web_app(*, root_path: str) -> tuple[BaseRoute, ...]:
    """Return the route of the web app, to stand after the API's and before the plain pages; none when it is not built."""
    app = read_web_app()
    return (WebApp(app, root_path=root_path),) if app else ()
