"""The door of people: one-time links, and links for whoever runs the hub to hand over."""

from lyceum.accounts.people.links import (
    LIFETIMES,
    LinkKind,
    OneTimeLink,
    find_link,
    link_of_token,
    make_link,
    token_of,
    url_of,
    use_link,
    void_links,
)
from lyceum.accounts.people.service import reset_link_for_email

__all__ = [
    "LIFETIMES",
    "LinkKind",
    "OneTimeLink",
    "find_link",
    "link_of_token",
    "make_link",
    "reset_link_for_email",
    "token_of",
    "url_of",
    "use_link",
    "void_links",
]
