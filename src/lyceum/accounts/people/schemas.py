"""What people's accounts and invitations send and take over HTTP."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lyceum.accounts.policy import Role
from lyceum.accounts.schemas import EmailAddress
from lyceum.accounts.sessions.schemas import Session

LOCALE_PATTERN = r"^[a-z]{2}(-[A-Z]{2})?$"
TOKEN_CHARACTERS_MAX = 200
Purpose = Literal["team", "course", "looking"]
"""What somebody uses the hub for: with a team, in a course, or just looking."""


class MyOrganisation(BaseModel):
    """An organisation one is in."""

    id: UUID
    name: str
    title: str
    role: str


class Me(BaseModel):
    """Who the caller is, and where and with which powers they act; `session` is null for a key."""

    user_id: UUID
    email: str | None
    display_name: str
    email_verified: bool
    locale: str | None
    purpose: Purpose | None
    organisation_id: UUID | None
    organisation: str | None
    organisations: list[MyOrganisation]
    powers: list[str]
    operates_hub: bool
    session: Session | None
    impersonator_id: UUID | None = Field(description="The administrator who acts as this person, if one does.")
    second_factor_needed: bool = Field(
        description="Whether you have yet to set up the second factor that the hub wants of you, and can do nothing else."
    )


class Profile(BaseModel):
    """What one changes of oneself; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    display_name: str | None = Field(default=None, min_length=1, max_length=100)
    locale: str | None = Field(default=None, pattern=LOCALE_PATTERN)
    purpose: Purpose | None = None


class NewPassword(BaseModel):
    """The password one has, and the one to come."""

    model_config = ConfigDict(extra="forbid")

    current: str = Field(min_length=1, max_length=1024)
    new: str = Field(min_length=1, max_length=1024)


class NewEmail(BaseModel):
    """The address to come, and the password of whoever has one."""

    model_config = ConfigDict(extra="forbid")

    email: EmailAddress = Field(max_length=254)
    password: str | None = Field(default=None, min_length=1, max_length=1024)


class Provider(BaseModel):
    """Somewhere else one may sign in."""

    id: str
    name: str


class SignInOptions(BaseModel):
    """How one signs in here and who may make an account; `age_min` is 0 where nobody is asked for their age."""

    registration: Literal["off", "invitation", "domain", "open"]
    domains: list[str]
    mail: bool
    providers: list[Provider]
    passkeys: bool = Field(description="Whether browsers make and use passkeys at the hub's address.")
    age_min: int
    password_characters_min: int


class Registration(BaseModel):
    """Somebody who wants an account; a minor names a guardian, where the hub asks for that."""

    model_config = ConfigDict(extra="forbid")

    email: EmailAddress = Field(max_length=254)
    password: str = Field(min_length=1, max_length=1024)
    display_name: str = Field(min_length=1, max_length=100)
    invitation: str | None = Field(default=None, max_length=TOKEN_CHARACTERS_MAX)
    birth_date: date | None = None
    guardian_email: EmailAddress | None = Field(default=None, max_length=254)
    locale: str | None = Field(default=None, pattern=LOCALE_PATTERN)


class Registered(BaseModel):
    """What comes next: nothing, a link in a letter, or a guardian's consent; `session` is null unless signed in."""

    state: Literal["signed_in", "verify_email", "guardian"]
    session: Session | None


class Token(BaseModel):
    """The token of a one-time link."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=1, max_length=TOKEN_CHARACTERS_MAX)


class EmailConfirmed(BaseModel):
    """The address is confirmed; whether the account works now or waits for a guardian."""

    state: Literal["ready", "guardian"]
    email: str


class Consented(BaseModel):
    """Whose account a guardian has agreed to."""

    display_name: str


class Address(BaseModel):
    """Where a letter is to go."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=1, max_length=254)


class PasswordReset(BaseModel):
    """The token of the link and the password to come."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=1, max_length=TOKEN_CHARACTERS_MAX)
    password: str = Field(min_length=1, max_length=1024)


class LinkMade(BaseModel):
    """A link to hand over, shown this once."""

    url: str
    expires_at: datetime


class NewInvitation(BaseModel):
    """Who is invited, as what, how often and how long; with an address only whoever has it, who gets a letter."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    email: EmailAddress | None = Field(default=None, max_length=254)
    expires_in_days: int = Field(default=14, ge=1, le=365)
    uses_max: int = Field(default=1, ge=1, le=10_000)


class Invitation(BaseModel):
    """An invitation without its link."""

    id: UUID
    role: str
    email: str | None
    uses: int
    uses_max: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class InvitationMade(Invitation):
    """A fresh invitation; its link is shown this once."""

    url: str


class InvitationPage(BaseModel):
    """A page of invitations, newest first; `next` goes into `cursor` for the page after, null when there is none."""

    items: list[Invitation]
    next: str | None


class InvitationSeen(BaseModel):
    """What somebody sees who holds an invitation's link; `email` is whose it is, where it is for one address."""

    organisation: str
    organisation_title: str
    inviter: str | None
    role: str
    email: str | None
    expires_at: datetime


class Joined(BaseModel):
    """The organisation one is a member of now."""

    organisation: str
