import pytest


@pytest.fixture(autouse=True)
def _plain_pages(no_web_app: None) -> None:
    """The plain pages are what a hub has whose web app is not built."""
