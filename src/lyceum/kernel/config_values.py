"""What the values of some settings must look like; the sentences are read by whoever sets them."""

import re
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

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


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise ValueError(f"{network!r} is no network such as 10.1.0.0/16") from None
    return networks


def _proxies(proxies: tuple[str, ...]) -> tuple[str, ...]:
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError:
            raise ValueError(f"must hold addresses and networks, such as 10.0.0.0/8; {proxy!r} is none") from None
    return proxies


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc.lower()}":
            raise ValueError(f"must hold origins in small letters, such as https://app.example.org; {origin!r} is none")
    return origins


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must start with http:// or https:// and name a host")
    return url.rstrip("/")


def _postgresql(url: SecretStr) -> SecretStr:
    if url.get_secret_value().partition("://")[0].partition("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("must start with postgresql://")
    return url


def _valkey(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        # read for what it raises, whose text may hold a part of the password
        _ = parts.port
    except ValueError:
        raise ValueError("must be an address such as redis://:password@host:6379/0") from None
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must start with redis://, rediss:// or unix://")
    return url


def _object_store(url: str) -> str:
    if urlsplit(url).scheme not in {"s3", "file"}:
        raise ValueError("must start with s3:// (or file:// for another folder)")
    return url


def _folder_or_bucket(place: str) -> str:
    if urlsplit(place).scheme not in {"", "s3", "file"}:
        raise ValueError("must be a folder or start with s3://")
    if not urlsplit(place).scheme and not Path(place).expanduser().is_absolute():
        raise ValueError("must be the whole path of a folder")
    return place


def _cron(expression: str) -> str:
    try:
        next(CronSim(expression, datetime.now(UTC)))
    except (CronSimError, StopIteration):
        raise ValueError("must be five fields of cron, such as 30 2 * * *") from None
    return expression


def _sentry_project(dsn: SecretStr) -> SecretStr:
    parts = urlsplit(dsn.get_secret_value())
    if parts.scheme not in {"http", "https"} or not (parts.username and parts.hostname and parts.path.strip("/")):
        raise ValueError("must be an address such as https://key@sentry.example.org/1")
    return dsn


split_by_commas = BeforeValidator(_split)
CommaSeparated = Annotated[tuple[str, ...], NoDecode, split_by_commas]
Networks = Annotated[CommaSeparated, AfterValidator(_networks)]
ProxyAddresses = Annotated[CommaSeparated, AfterValidator(_proxies)]
Origins = Annotated[CommaSeparated, AfterValidator(_origins)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
"""Without a slash at its end."""
PostgresqlUrl = Annotated[SecretStr, AfterValidator(_postgresql)]
ValkeyUrl = Annotated[SecretStr, AfterValidator(_valkey)]
StorageUrl = Annotated[str, AfterValidator(_object_store)]
BackupPlace = Annotated[str, AfterValidator(_folder_or_bucket)]
CronExpression = Annotated[str, AfterValidator(_cron)]
SentryDsn = Annotated[SecretStr, AfterValidator(_sentry_project)]
MailServerUrl = Annotated[SecretStr, AfterValidator(_mail_server)]
MailSender = Annotated[str, AfterValidator(_sender)]
