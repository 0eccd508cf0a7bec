"""Where notices lead: each kind to a page of the web app, and to a tab that the page has."""

import re

import pytest

from fixtures.servers import REPOSITORY
from lyceum.notify.kinds import KINDS

ROUTES = REPOSITORY / "web" / "src" / "routes"
# an incident names its own page, which whoever tells it tests
OWN_PAGE = "{path}"


def _addresses() -> list[re.Pattern[str]]:
    names = [path.name.removesuffix(".tsx") for path in ROUTES.glob("*.tsx")]
    places = [[part for part in name.split(".") if not part.startswith("_") and part != "index"] for name in names]
    return [
        re.compile("/" + "/".join("[^/]+" if part.startswith("$") else re.escape(part) for part in place))
        for place in places
    ]


def _page(kind: str) -> str:
    # the address of an object has two words
    return re.sub(r"{(dataset|model|address)}", "org/name", KINDS[kind].page).replace("{run_id}", "1")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].page != OWN_PAGE])
def test_a_notice_leads_to_a_page_of_the_web_app(kind: str) -> None:
    path = _page(kind).partition("?")[0]
    assert "{" not in path
    assert any(address.fullmatch(path) for address in _addresses()), path


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "tab=" in KINDS[kind].page])
def test_a_notice_leads_to_a_tab_that_the_page_has(kind: str) -> None:
    path, _, query = _page(kind).partition("?")
    page = (ROUTES / f"_app{path.replace('/', '.')}.tsx").read_text(encoding="utf-8")
    assert f'"{query.removeprefix("tab=")}"' in page
