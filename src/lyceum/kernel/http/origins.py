"""Whose page a request comes from: browsers say so of whatever page sends it."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from lyceum.kernel.config import Settings
from lyceum.kernel.problems import Forbidden


class OriginForeign(Forbidden):
    """A page of another site wants something of this hub that only its own pages get."""

    code = "origin_foreign"


def is_own_origin(headers: Mapping[str, str], settings: Settings) -> bool:
    """Say whether the `Origin` header names the hub itself, by the name it was asked for or its public one.

    Without the header nobody says whose page it was, and the answer is no.
    """
    try:
        place = urlsplit(headers.get("origin", "").lower())
        public = urlsplit((settings.public_url or "").lower())
    except ValueError:
        return False
    if place.netloc == public.netloc and public.netloc:
        # what came by http may have been put there on the way
        return place.scheme == public.scheme
    return place.scheme in {"http", "https"} and place.netloc == headers.get("host", "").lower()


def refuse_foreign_origin(headers: Mapping[str, str], settings: Settings) -> None:
    """Raise `OriginForeign` for a page of another site; programs, which name no origin, may go on."""
    if "origin" in headers and not is_own_origin(headers, settings):
        raise OriginForeign("A page of another site may not do this; open the hub's own page.")
