"""What routes below a dataset version's path take."""

import re
from typing import Annotated

from fastapi import Path

from lyceum.data.datasets.errors import AddressInvalid

VersionNumber = Annotated[str, Path(description="A version's number, or `latest`.")]
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def as_number(text: str) -> int | None:
    """Return the number of a version in a path, None for `latest`; raises `AddressInvalid`."""
    if text == "latest":
        return None
    if _NUMBER.fullmatch(text) is None:
        raise AddressInvalid(f"{text[:20]!r} is no version; write its number or `latest`.")
    return int(text)
