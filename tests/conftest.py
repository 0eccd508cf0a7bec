import pytest
from hypothesis import settings

pytest_plugins = (
    "fixtures.servers",
    "fixtures.s3",
    "fixtures.app",
    "fixtures.sign_in",
    "fixtures.identity_provider",
    "fixtures.staffed",
    "fixtures.staged_tables",
    "fixtures.loop_watch",
    "fixtures.predictions",
    "fixtures.shard",
    "fixtures.disks",
    "fixtures.mail_server",
    "fixtures.web",
    "fixtures.kafka",
    "fixtures.kafka_gate",
    "fixtures.streaming",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the web app's tests first: those of a module go one way together, and what stands first no other worker takes over."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/web/"))


# how long an example takes says more of the machine's load than of what it shows
settings.register_profile("default", settings.get_profile("default"), deadline=None)
