"""What second factors send and take over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

FactorName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Code = Annotated[str, StringConstraints(min_length=6, max_length=16)]
RecoveryCode = Annotated[str, StringConstraints(min_length=6, max_length=64)]
Ticket = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Bytes = Annotated[str, StringConstraints(max_length=2_048, pattern=r"^[A-Za-z0-9_-]*={0,2}$")]
_MoreBytes = Annotated[str, StringConstraints(max_length=65_536, pattern=r"^[A-Za-z0-9_-]*={0,2}$")]


class Factor(BaseModel):
    """A second factor of one's own."""

    id: UUID
    kind: Literal["totp", "passkey"]
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Factors(BaseModel):
    """One's second factors, and what is left of the codes for when they are lost."""

    factors: list[Factor]
    recovery_codes_left: int
    required: bool = Field(description="Whether the hub wants a second factor of you: the last one cannot be removed.")
    has_password: bool = Field(
        description="Whether you have a password; without one you sign in by a provider or a passkey."
    )
    passkeys_possible: bool = Field(description="Whether browsers make passkeys for the hub's address: https, by name.")


class FactorReady(BaseModel):
    """A factor that counts from now on; with one's first come recovery codes, which are shown this once."""

    factor: Factor
    recovery_codes: list[str] | None


class RecoveryCodes(BaseModel):
    """Fresh codes, each good for one sign-in, shown this once; those before count no more."""

    codes: list[str]


class NewFactor(BaseModel):
    """A name by which one knows a factor again."""

    model_config = ConfigDict(extra="forbid")

    name: FactorName


class AuthenticatorAppMade(BaseModel):
    """A secret for an app, shown this once; it counts when a code of it has come back."""

    id: UUID
    secret: str = Field(description="The secret in base 32, to type into an app.")
    uri: str = Field(description="The same as an `otpauth:` address.")
    qr_svg: str = Field(description="The address as a picture for the app to read: an SVG element.")


class GivenCode(BaseModel):
    """A code that an app shows."""

    model_config = ConfigDict(extra="forbid")

    code: Code


class PasskeyOptions(BaseModel):
    """What a page hands to `navigator.credentials`, in the JSON form of WebAuthn, under `publicKey`."""

    public_key: dict[str, Any] = Field(serialization_alias="publicKey")


class _AuthenticatorResponse(BaseModel):
    # browsers add members to what they send: what is not known here is not read
    client_data_json: _MoreBytes = Field(alias="clientDataJSON")


class CreatedResponse(_AuthenticatorResponse):
    """What an authenticator says of a passkey it has made."""

    attestation_object: _MoreBytes = Field(alias="attestationObject")
    transports: list[Annotated[str, StringConstraints(max_length=32)]] = Field(default_factory=list, max_length=10)


class SignedResponse(_AuthenticatorResponse):
    """What an authenticator has signed."""

    authenticator_data: _MoreBytes = Field(alias="authenticatorData")
    signature: _Bytes
    user_handle: _Bytes | None = Field(default=None, alias="userHandle")


class _Credential(BaseModel):
    id: _Bytes
    raw_id: _Bytes = Field(alias="rawId")
    type: Literal["public-key"]


class CreatedCredential(_Credential):
    """What `navigator.credentials.create` gives, by `toJSON()`."""

    response: CreatedResponse


class SignedCredential(_Credential):
    """What `navigator.credentials.get` gives, by `toJSON()`."""

    response: SignedResponse


class NewPasskey(BaseModel):
    """A passkey that an authenticator has made for this hub."""

    model_config = ConfigDict(extra="forbid")

    name: FactorName
    credential: CreatedCredential


class _Proof(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _one(self) -> "_Proof":
        named = [name for name in self._ways() if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(f"give one of {', '.join(self._ways())}")
        return self

    @classmethod
    def _ways(cls) -> tuple[str, ...]:
        raise NotImplementedError


class SecondFactor(_Proof):
    """The ticket of the first step, and one second factor."""

    ticket: Ticket
    totp: Code | None = None
    recovery: RecoveryCode | None = None
    passkey: SignedCredential | None = None
    cookies: bool = True

    @classmethod
    def _ways(cls) -> tuple[str, ...]:
        return ("totp", "recovery", "passkey")


class GivenTicket(BaseModel):
    """The ticket of the first step."""

    model_config = ConfigDict(extra="forbid")

    ticket: Ticket


class PasskeySignIn(BaseModel):
    """A passkey that says by itself whose it is."""

    model_config = ConfigDict(extra="forbid")

    passkey: SignedCredential
    cookies: bool = True


class StepUp(_Proof):
    """One proof that it is still oneself."""

    password: str | None = Field(default=None, min_length=1, max_length=1024)
    totp: Code | None = None
    passkey: SignedCredential | None = None

    @classmethod
    def _ways(cls) -> tuple[str, ...]:
        return ("password", "totp", "passkey")


class SteppedUp(BaseModel):
    """Until when weighty things can be done in this session."""

    stepped_up_until: datetime
