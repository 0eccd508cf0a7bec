"""What the values of some settings must look like; the sentences are read by whoever sets them."""

import re
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

_SENDER = re.compile(r"(?:[^<>\r\n]*<)?[^<>@\s]+@[^<>@\s]+>?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _mail_server(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        # read for what it raises, whose text may hold a part of the password
        _ = parts.port
    except ValueError:
        raise ValueError("must be an address such as smtp://user:password@mail.example.org:587") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("must start with smtp:// or smtps:// and name a host")
    if parts.query not in {"", "starttls=no"} or (parts.query and parts.scheme == "smtps"):
        raise ValueError("takes nothing after the ? but starttls=no, and that with smtp:// only")
    if parts.query and parts.username and parts.hostname not in _LOOPBACK:
        raise ValueError("would send a password where anybody can read along: leave out starttls=no, or the user")
    return url


def _sender(sender: str) -> str:
    if not _SENDER.fullmatch(sender.strip()):
        raise ValueError("must be an address such as Lyceum <lyceum@example.org>")
    return sender.strip()


def _networks(value: object) -> object:
    named = tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    for network in named if isinstance(named, tuple) else ():
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise ValueError(f"{network!r} is no network such as 10.1.0.0/16") from None
    return named


MailServerUrl = Annotated[SecretStr, AfterValidator(_mail_server)]
MailSender = Annotated[str, AfterValidator(_sender)]
networks_validator = BeforeValidator(_networks)
"""Networks, separated by commas."""
