import pytest
from fastapi import FastAPI

from fixtures.identity_provider import RealProvider, ToldProvider
from make.accounts import Member
from make.signon import SetUpProvider, set_up_provider


@pytest.fixture(autouse=True)
def _only_the_api(no_web_app: None) -> None:
    """What no route has is answered in one way, not as the web app has it where it is built."""


@pytest.fixture
async def chosen(sign_on_app: FastAPI, operator: Member, provider: ToldProvider) -> SetUpProvider:
    """The provider that tells what a test says, set up."""
    return await set_up_provider(sign_on_app, operator, provider.url)


@pytest.fixture
async def university(sign_on_app: FastAPI, operator: Member, real_identity_provider: RealProvider) -> SetUpProvider:
    """The real provider, set up."""
    return await set_up_provider(sign_on_app, operator, real_identity_provider.url)
