"""The client that commands ask a hub with."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lyceum.cli_settings import settings_here
from lyceum.hub.errors import HubRefused

if TYPE_CHECKING:
    from lyceum_client import Client


@contextmanager
def hub_client() -> "Iterator[Client]":
    """Yield a client of the hub that LYCEUM_URL names, else of the one that runs on this machine.

    Raises `HubRefused` with what the hub says of a request it does not take, and for a setting that cannot be used.
    """
    from lyceum.hub.control import ask_hub
    from lyceum_client import Client, LyceumError

    url, key = os.environ.get("LYCEUM_URL"), os.environ.get("LYCEUM_API_KEY")
    if not url:
        home = settings_here().home
        url = str(ask_hub(home, "status")["url"])
        key = key or str(ask_hub(home, "admin-key")["key"])
    try:
        with Client(url, api_key=key) as client:
            yield client
    except LyceumError as error:
        raise HubRefused(str(error)) from None
