"""Where notices and letters lead: each kind to a page of the web app, and to a tab that the page has."""

import re

import pytest

from fixtures.servers import REPOSITORY
from lyceum.accounts.people.links import PAGES as LETTERS
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


def _page_of_notice(kind: str) -> str:
    # the address of an object has two words
    return re.sub(r"{(dataset|model|address)}", "org/name", KINDS[kind].page).replace("{run_id}", "1")


PLACES = {
    **{f"notice-{kind}": _page_of_notice(kind) for kind in KINDS if KINDS[kind].page != OWN_PAGE},
    **{f"letter-{kind}": f"/{page}" for kind, page in LETTERS.items()},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_is_told_leads_to_a_page_of_the_web_app(place: str) -> None:
    path = place.partition("?")[0]
    assert "{" not in path
    assert any(address.fullmatch(path) for address in _addresses()), path


@pytest.mark.parametrize("place", sorted({place for place in PLACES.values() if "tab=" in place}))
def test_what_is_told_leads_to_a_tab_that_the_page_has(place: str) -> None:
    path, _, query = place.partition("?")
    page = (ROUTES / f"_app{path.replace('/', '.')}.tsx").read_text(encoding="utf-8")
    assert f'"{query.removeprefix("tab=")}"' in page
