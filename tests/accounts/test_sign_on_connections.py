"""One account at each provider is a person's: how they connect it, and what another one there is told."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import rows_of
from fixtures.identity_provider import RealProvider
from fixtures.servers import TestDatabase
from fixtures.sign_in import browser_of, signed_in_client
from make.accounts import Member, email_of
from make.signon import SetUpProvider, begun, problem_of, set_up_provider

CONNECTIONS = "/api/v1/me/sign-ons"


@pytest.fixture
async def trusted(sign_on_app: FastAPI, operator: Member, real_identity_provider: RealProvider) -> SetUpProvider:
    """The real provider, whose word for an address counts."""
    return await set_up_provider(sign_on_app, operator, real_identity_provider.url, trusts_email=True)


async def way_back(
    browser: httpx.AsyncClient, provider: SetUpProvider, real: RealProvider, subject: str
) -> httpx.URL | str:
    asked = await browser.post(f"{provider.start}/connection", json={"return_to": "/settings"})
    return await real.answer_for(subject, asked.json()["url"])


async def connected(browser: httpx.AsyncClient) -> list[str]:
    return [one["provider"] for one in (await browser.get(CONNECTIONS)).json()["items"]]


async def test_a_second_account_of_the_same_provider_is_connected_once_the_first_is_parted_with(
    sign_on_app: FastAPI,
    operator: Member,
    member: Member,
    trusted: SetUpProvider,
    real_identity_provider: RealProvider,
) -> None:
    other = await set_up_provider(sign_on_app, operator, real_identity_provider.url)
    async with signed_in_client(sign_on_app, member) as browser:
        first, second = f"first-{member.user_id}", f"second-{member.user_id}"
        answer = await browser.get(await way_back(browser, trusted, real_identity_provider, first))
        assert answer.headers["location"] == "/settings"
        refused = await browser.get(await way_back(browser, trusted, real_identity_provider, second))
        assert problem_of(refused) == "sign_on_already_connected"
        # the first may come again, and the second by another provider
        again = await browser.get(await way_back(browser, trusted, real_identity_provider, first))
        assert (again.headers["location"], await connected(browser)) == ("/settings", [trusted.name])
        await browser.get(await way_back(browser, other, real_identity_provider, second))
        assert await connected(browser) == [trusted.name, other.name]
        moved = await browser.get(await way_back(browser, trusted, real_identity_provider, second))
        assert problem_of(moved) == "sign_on_already_connected"
        [connection, _] = (await browser.get(CONNECTIONS)).json()["items"]
        assert (await browser.delete(f"{CONNECTIONS}/{connection['id']}")).status_code == 204
        await browser.get(await way_back(browser, trusted, real_identity_provider, second))
        assert await connected(browser) == [trusted.name]


async def test_of_two_accounts_of_a_provider_connected_at_once_one_is(
    sign_on_app: FastAPI, member: Member, trusted: SetUpProvider, real_identity_provider: RealProvider
) -> None:
    async with signed_in_client(sign_on_app, member) as browser:
        backs = [
            await way_back(browser, trusted, real_identity_provider, f"twin-{number}-{member.user_id}")
            for number in range(2)
        ]
        answers = await asyncio.gather(*(browser.get(back) for back in backs))
        problems = {problem_of(answer) for answer in answers}
        assert (problems, await connected(browser)) == ({None, "sign_on_already_connected"}, [trusted.name])


async def test_an_address_leads_a_second_account_of_a_provider_in_only_once_the_first_has_left_there(
    sign_on_app: FastAPI,
    database: TestDatabase,
    member: Member,
    trusted: SetUpProvider,
    real_identity_provider: RealProvider,
) -> None:
    told = {"email": email_of(database, member.user_id), "email_verified": True}
    first, second = f"first-{member.user_id}", f"second-{member.user_id}"
    real_identity_provider.set_person(first, **told)
    real_identity_provider.set_person(second, **told)

    async def sign_on(subject: str) -> str | None:
        async with browser_of(sign_on_app) as browser:
            answer = await browser.get(await real_identity_provider.answer_for(subject, await begun(browser, trusted)))
            return problem_of(answer)

    assert await sign_on(first) is None
    assert await sign_on(second) == "sign_on_already_connected"
    assert await sign_on(first) is None
    rows_of(database, "UPDATE sign_on_identities SET ended_at = now() WHERE subject = %s", first)
    assert await sign_on(second) is None
    left = rows_of(database, "SELECT subject FROM sign_on_identities WHERE user_id = %s", member.user_id)
    assert left == [{"subject": second}]
