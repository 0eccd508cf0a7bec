"""What signing on sends and takes over HTTP."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lyceum.accounts.policy import Role

NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
CLAIM_PATTERN = r"^[\x21-\x7e]{1,200}$"
SCOPE_PATTERN = r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$"
DOMAIN_PATTERN = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])$"

Admits = Literal["everyone", "mapped", "known"]


class ProviderSettings(BaseModel):
    """What an administrator says of an identity provider, beside its secret."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=100, description="What the sign-in page calls it.")
    discovery_url: str = Field(
        min_length=1, max_length=2000, description="Its issuer, or the address of its discovery document."
    )
    client_id: str = Field(min_length=1, max_length=500)
    scopes: list[str] = Field(default=["openid", "profile", "email"], max_length=30)
    groups_claim: str = Field(
        default="groups", pattern=CLAIM_PATTERN, description="A claim, or a path such as `realm_access.roles`."
    )
    email_claim: str = Field(default="email", pattern=CLAIM_PATTERN)
    name_claim: str = Field(default="name", pattern=CLAIM_PATTERN)
    admits: Admits = Field(
        description="Who gets a new account here: everyone the provider signs in, those to whom a rule gives something, or "
        "nobody beside those who are known."
    )
    email_domains: list[str] = Field(
        default=[],
        max_length=100,
        description="Only people with a confirmed e-mail address in one of these get an account.",
    )
    trusts_email: bool = Field(
        default=False,
        description="Whether its word for an e-mail address is enough to be let into the account that has it.",
    )
    trusts_second_factor: bool = Field(default=False, description="Whether the hub asks for no second factor after it.")
    refresh_minutes: int | None = Field(
        default=None,
        ge=5,
        le=10_080,
        description="How often groups are asked for again while people are away; a refusal then means that they have left.",
    )


class NewProvider(ProviderSettings):
    """A provider to be."""

    name: str = Field(pattern=NAME_PATTERN, description="Stands in its addresses, and stays.")
    client_secret: str = Field(min_length=1, max_length=2000)


class ProviderChange(ProviderSettings):
    """A provider as it is to be; without a secret, it keeps the one it has."""

    client_secret: str | None = Field(default=None, min_length=1, max_length=2000)


class SignOnProvider(BaseModel):
    """A provider as administrators see it; its secret is not shown again."""

    id: UUID
    name: str
    title: str
    discovery_url: str
    client_id: str
    scopes: list[str]
    groups_claim: str
    email_claim: str
    name_claim: str
    admits: Admits
    email_domains: list[str]
    trusts_email: bool
    trusts_second_factor: bool
    refresh_minutes: int | None
    redirect_uri: str = Field(description="What the provider has to be told that it may send browsers back to.")
    back_channel_logout_uri: str = Field(description="Where the provider tells the hub that somebody has signed out.")
    revision: int
    created_at: datetime


class SignOnProviders(BaseModel):
    """Every provider, by name; there are a hundred at most."""

    items: list[SignOnProvider]


class ProviderTried(BaseModel):
    """What the provider said of itself just now."""

    issuer: str
    authorization_endpoint: str
    userinfo: bool
    algorithms: list[str]
    keys: int


class NewRule(BaseModel):
    """What a group is to give."""

    model_config = ConfigDict(extra="forbid")

    group: str = Field(min_length=1, max_length=256, description="A group's name; `*` stands for any characters.")
    kind: Literal["organisation"] = "organisation"
    organisation: str = Field(min_length=1, max_length=64)
    role: Role = Role.VIEWER
    into_group_id: UUID | None = Field(
        default=None, description="A group of the organisation that its people get into."
    )


class SignOnRule(BaseModel):
    """What a group gives."""

    id: UUID
    group: str
    kind: Literal["organisation"]
    organisation: str
    role: Role
    into_group_id: UUID | None
    into_group: str | None = Field(description="What that group is called.")
    created_at: datetime


class SignOnRules(BaseModel):
    """A provider's rules, oldest first; there are a thousand at most."""

    items: list[SignOnRule]


class Connect(BaseModel):
    """Where to come back to once the account is connected."""

    model_config = ConfigDict(extra="forbid")

    return_to: str = Field(default="/", max_length=1_500)


class ConnectAt(BaseModel):
    """Where the browser goes to sign in at the provider."""

    url: str


class Connection(BaseModel):
    """A provider by which the person who asks can sign in."""

    id: UUID
    provider: str
    title: str
    email: str | None
    signed_on_at: datetime
    ended_at: datetime | None


class Connections(BaseModel):
    """The providers by which the person who asks can sign in."""

    items: list[Connection]
