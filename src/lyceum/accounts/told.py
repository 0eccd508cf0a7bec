"""What those who tell people of their accounts read by the id that an event carries."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

LetterKind = Literal["verify_email", "reset_password", "invitation", "guardian_consent", "account_deletion"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that holds a one-time link; `url` opens what it is for, so it is shown to nobody else."""

    kind: LetterKind
    to: str
    display_name: str
    url: str = field(repr=False)
    expires_at: datetime
    locale: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """Whose session it is, and where and with what it began."""

    user_id: UUID
    device: str
    place: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who asks for access to what, who may decide, and what was decided; `role` is None while it is open or refused."""

    object_kind: str
    address: str
    asked_by: UUID
    asked_by_name: str
    reason: str
    deciders: tuple[UUID, ...]
    state: Literal["open", "approved", "refused"]
    role: str | None


async def letter_of(_tx: AsyncSession, _link_id: UUID) -> Letter | None:
    """Return the letter of a link that still works, None when there is none to send."""
    return None


async def sign_in_of(_tx: AsyncSession, _session_id: UUID) -> SignIn | None:
    """Return how a session began, None when there is none."""
    return None


async def access_request_of(_tx: AsyncSession, _request_id: UUID) -> AccessRequest | None:
    """Return a request for access, None when there is none."""
    return None
