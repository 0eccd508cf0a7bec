"""Opening a folder or a bucket by its URL, with the options that deltalake and Polars take too (`aws_…`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, ObjectStore, from_url

_CLIENT_OPTIONS = ("allow_http", "timeout", "connect_timeout", "proxy_url", "allow_invalid_certificates")


def folder_of(url: str) -> Path | None:
    """Return the folder a `file://` URL or a plain path means; None for anything else."""
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        return Path(unquote(parts.path) if parts.scheme else url)
    return None


def open_objects(url: str, options: Mapping[str, str]) -> ObjectStore:
    """Return the files below a URL; a local folder is made when it is missing.

    obstore wants what concerns the connection apart from what concerns the bucket, and panics when they are mixed.
    """
    if (folder := folder_of(url)) is not None:
        return LocalStore(folder, mkdir=True)
    client: dict[str, Any] = {}
    config: dict[str, str] = {}
    for key, value in options.items():
        plain = key.lower().removeprefix("aws_")
        if plain in _CLIENT_OPTIONS:
            client[plain] = value.lower() == "true" if value.lower() in {"true", "false"} else value
        else:
            config[key.lower()] = value
    return from_url(url, config=config, client_options=client)  # type: ignore[call-overload,no-any-return] # keys known at run time
