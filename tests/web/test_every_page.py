"""Every page in a real browser, on a hub that has something of everything: by desktop and phone, light and dark."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fixtures.app import rows_of
from fixtures.web import LOOKS, OpenTab, WebHub, faults_of_pages
from fixtures.web_people import Staff, signed_in, staff
from lyceum.kernel.ids import new_id
from lyceum_client import Client
from make.accounts import make_group
from make.personal import make_personal

__all__ = ["staff"]

ORGANISATION = "Weather office"
PAGES = [
    ("/", "Overview"),
    ("/datasets", "Datasets"),
    ("/datasets/{address}", "{address}"),
    ("/datasets/{address}?tab=profile", "{address}"),
    ("/datasets/{address}?tab=checks", "{address}"),
    ("/datasets/{address}?tab=versions", "{address}"),
    ("/runs", "Runs"),
    ("/runs/{run}", "dear"),
    ("/models", "Models"),
    ("/models/{address}", "{address}"),
    ("/models/{address}?tab=report", "{address}"),
    ("/models/{address}?tab=versions", "{address}"),
    ("/jobs", "Jobs"),
    ("/inbox", "Inbox"),
    ("/settings", "Settings"),
    *((f"/settings?tab={tab}", "Settings") for tab in ("security", "sessions", "keys", "notifications", "data")),
    *(
        (f"/organisation?tab={tab}", ORGANISATION)
        for tab in ("members", "invitations", "roles", "groups", "requests", "destinations", "settings")
    ),
    ("/organisation?tab=requests&view=mine", ORGANISATION),
    ("/organisation?tab=requests&view=shared", ORGANISATION),
    ("/organisation?tab=new", "New organisation"),
    ("/admin/users", "People"),
    ("/admin/organisations", "Organisations"),
    ("/admin/queue", "Queue"),
    ("/admin/queue?state=dead", "Queue"),
    ("/admin/schedules", "Schedules"),
    ("/admin/audit", "Audit log"),
    ("/admin/storage", "Storage"),
    ("/admin/health", "Health"),
    ("/admin/mail", "Letters"),
    ("/admin/mail?form=text", "Letters"),
    ("/admin/sign-on", "Sign-on"),
    ("/admin/programs", "Programs"),
]


def _table(folder: Path) -> Path:
    rows = range(600)
    frame = pl.DataFrame(
        {
            "rooms": [1 + row % 6 for row in rows],
            "area": [30.0 + 17 * (row % 11) + row % 3 for row in rows],
            "town": [("Bath", "York", "Ely")[row % 3] for row in rows],
            "dear": ["yes" if (row % 11) * 17 + (row % 6) * 9 > 95 else "no" for row in rows],
        }
    )
    frame.write_csv(folder / "houses.csv")
    return folder / "houses.csv"


@pytest.fixture(scope="module")
def furnished(web_hub: WebHub, staff: Staff, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What stands in the addresses of pages of a hub with a table, a training, a model, a group, and the rest by row."""
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("houses").address
        client.datasets.wait(client.datasets.upload(_table(tmp_path_factory.mktemp("table")), address))
        run = client.runs.start(address, target="dear", time_limit_seconds=4)
        client.runs.wait(run.id)
        client.runs.register(run.id, "houses")
    make_group(web_hub.database, staff.ada, staff.grace)
    # hers, since an authenticator app is among it; what is the hub's is seen by both
    make_personal(web_hub.database, staff.grace)
    dead = (
        "INSERT INTO jobs (id, kind, class, args, state, attempt, attempts_max, error, finished_at)"
        " VALUES (%s, 'notify.mail_notice', 'background', '{}', 'dead', 1, 1, %s, now())"
    )
    rows_of(web_hub.database, dead, new_id(), '{"code": "job_failed", "detail": "The disk was away."}')
    return {"address": address, "run": run.id}


@pytest.mark.parametrize("name, look", LOOKS)
@pytest.mark.timeout(400)
def test_every_page_fits_is_usable_by_all_and_stays_where_it_is(
    open_tab: OpenTab, web_hub: WebHub, furnished: dict[str, str], name: str, look: dict[str, Any]
) -> None:
    tab = signed_in(open_tab, web_hub, "ada", **look)
    pages = [(address.format(**furnished), heading.format(**furnished)) for address, heading in PAGES]
    assert faults_of_pages(tab, pages, shots=name) == {}
