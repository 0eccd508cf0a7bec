"""What programs and people send and take where the hub is the identity provider."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class OauthClientSettings(BaseModel):
    """A program whose people sign in through the hub."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=100, description="What people are asked about.")
    redirect_uris: list[str] = Field(
        min_length=1, max_length=20, description="Where browsers may be sent back to, compared character by character."
    )
    sign_out_uris: list[str] = Field(
        default=[], max_length=20, description="Where browsers may be sent after signing out, compared in the same way."
    )
    back_channel_logout_url: str | None = Field(
        default=None, max_length=2000, description="Asked by the hub when a session ends that somebody signed in from."
    )
    asks_consent: bool = Field(
        default=True, description="Whether people are asked once; not to ask is for programs that are the hub's own."
    )


class OauthClient(BaseModel):
    """A program as administrators see it."""

    id: UUID = Field(description="The program's `client_id`.")
    title: str
    redirect_uris: list[str]
    sign_out_uris: list[str]
    back_channel_logout_url: str | None
    asks_consent: bool
    revision: int
    created_at: datetime


class OauthClientMade(OauthClient):
    """A fresh program, or one with a fresh secret, which is shown this once."""

    client_secret: str


class OauthClients(BaseModel):
    """Every program, newest first; there are a hundred at most."""

    items: list[OauthClient]


class KnownProgram(BaseModel):
    """A program that knows the person who asks, and what it may ask of them."""

    id: UUID
    title: str
    scopes: list[str]
    given_at: datetime


class KnownPrograms(BaseModel):
    """The programs that know the person who asks, by title; there are a hundred at most."""

    items: list[KnownProgram]


class AuthorizationStep(BaseModel):
    """What a page has to do with a request: have the person sign in, ask them, send the answer on, or go where it says."""

    state: Literal["sign_in", "consent", "ready", "redirect"]
    program: str | None
    scopes: list[str]
    redirect_to: str | None


class Decision(BaseModel):
    """What a person says to a program's request, whose parameters come as they stood in its address."""

    model_config = ConfigDict(extra="forbid")

    parameters: dict[str, str] = Field(max_length=30)
    allow: bool


class Decided(BaseModel):
    """Where the browser goes with the answer."""

    redirect_to: str


class ProviderMetadata(BaseModel):
    """The discovery document (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]
    scopes_supported: list[str]
    claims_supported: list[str]
    prompt_values_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    backchannel_logout_supported: bool
    backchannel_logout_session_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool
