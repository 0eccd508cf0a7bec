"""An existing JupyterHub signs its people in through the hub."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from fixtures.app import ServedProcess, rows_of
from fixtures.jupyterhub import installed, jupyterhub_url, running_jupyterhub
from fixtures.servers import TestDatabase
from fixtures.sign_in import PASSWORD, password_hash
from make.accounts import Member


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_people_of_an_organisation_get_into_jupyterhub_and_others_do_not(
    serve: Callable[..., ServedProcess],
    database: TestDatabase,
    operator: Member,
    member: Member,
    stranger: Member,
    tmp_path: Path,
) -> None:
    hub = serve("lyceum.web")
    url = jupyterhub_url()
    wanted = {"title": "JupyterHub", "redirect_uris": [f"{url}/hub/oauth_callback"], "asks_consent": False}
    rows_of(database, "UPDATE users SET password_hash = %s WHERE id = %s", password_hash(), operator.user_id)
    given = {"email": f"{operator.user_id.hex}@example.org", "password": PASSWORD, "cookies": False}
    signed_in = httpx.post(f"{hub.url}/api/v1/sessions", json=given).json()
    headers = {"authorization": f"Bearer {signed_in['access_token']}"}
    made = httpx.post(f"{hub.url}/api/v1/admin/oauth-clients", json=wanted, headers=headers).json()
    group = f"{member.org_name}:owner"
    with running_jupyterhub(
        installed(tmp_path / "environment"),
        tmp_path,
        url=url,
        issuer=hub.url,
        client_id=made["id"],
        client_secret=made["client_secret"],
        allowed_groups=[group],
    ) as jupyterhub:
        for person, let_in in ((member, True), (stranger, False)):
            email = f"{person.user_id.hex}@example.org"
            rows_of(database, "UPDATE users SET password_hash = %s WHERE id = %s", password_hash(), person.user_id)
            with httpx.Client(follow_redirects=True) as browser:
                given = {"email": email, "password": PASSWORD}
                assert browser.post(f"{hub.url}/api/v1/sessions", json=given).status_code == 201
                # there is no proxy that would know the rest of the pages: what counts is who JupyterHub knows
                answer = browser.get(f"{url}/hub/oauth_login?next=%2Fhub%2Fhome")
                assert (answer.status_code == 200 and "Logout" in answer.text) is let_in, answer.text
            assert jupyterhub.groups_of(email) == ([group] if let_in else None)
