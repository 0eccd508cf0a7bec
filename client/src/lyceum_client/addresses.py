"""Addresses people type: `org/name`, with `@3` for a version or `@champion` for an alias."""

from dataclasses import dataclass

from lyceum_client.transport import segment


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address; `version` is what stands after the `@`, None without one."""

    organisation: str
    name: str
    version: str | None

    @property
    def path(self) -> str:
        """The address without its version, as part of a URL."""
        return f"{segment(self.organisation)}/{segment(self.name)}"


def read_address(text: str) -> Address:
    """Return the parts of `org/name` or `org/name@version`; raises ValueError for anything else."""
    plain, _, version = text.partition("@")
    organisation, slash, name = plain.partition("/")
    if not organisation or not slash or not name or "/" in name:
        raise ValueError(f"{text!r} is no address; write it as organisation/name, for example acme/flights.")
    return Address(organisation=organisation, name=name, version=version or None)
