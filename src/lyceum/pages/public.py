"""The door of the pages."""

from starlette.routing import BaseRoute

from lyceum.pages.web_app import NoPage, WebApp, read_web_app

__all__ = ["web_app"]


def web_app(*, root_path: str) -> tuple[list[WebApp], list[BaseRoute]]:
    """Return the routes of the web app: to stand before the plain pages, and behind all others; none when it is not built."""
    app = read_web_app()
    return ([WebApp(app, root_path=root_path)], [NoPage(app, root_path=root_path)]) if app else ([], [])
