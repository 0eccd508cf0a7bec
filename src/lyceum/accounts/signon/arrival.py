"""Signing on: sending a browser to the provider, and taking what it comes back with."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from lyceum.accounts.sessions.public import BegunSession, RequestFacts, SecondFactorWanted
from lyceum.accounts.signon import attempts
from lyceum.accounts.signon.attempts import Attempt
from lyceum.accounts.signon.discovery import IdentityProviders, Metadata
from lyceum.accounts.signon.errors import SignOnRefused, SignOnStale
from lyceum.accounts.signon.exchange import identity_by_code
from lyceum.accounts.signon.joining import connect, sign_on
from lyceum.accounts.signon.queries import Provider, callback_url
from lyceum.kernel.db import NOBODY
from lyceum.kernel.limits.failures import FailureLimit
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

CODE_CHARACTERS_MAX = 4_096
_DECLINED = frozenset({"access_denied", "login_required", "consent_required", "interaction_required"})


@dataclass(frozen=True, slots=True)
class Came:
    """What a browser comes back with from the provider, as it stands in the address."""

    state: str
    code: str | None
    issuer: str | None
    error: str | None


async def authorization_url(
    providers: IdentityProviders, resources: Resources, provider: Provider, attempt: Attempt
) -> str:
    """Return where a browser goes to sign in; raises `SignOnProviderAway` and `SignOnProviderUnusable`."""
    endpoint = (await providers.metadata(provider.discovery_url)).authorization_endpoint
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": callback_url(resources.settings, provider.name),
        "scope": " ".join(provider.scopes),
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"


async def complete(
    providers: IdentityProviders,
    resources: Resources,
    provider: Provider,
    attempt: Attempt,
    came: Came,
    *,
    facts: RequestFacts,
) -> BegunSession | SecondFactorWanted | None:
    """Sign in whoever the provider has signed in, or connect them to the account that asked for it (None).

    Raises `SignOnStale`, `SignOnRefused`, `NotAdmitted`, `SignOnEmailTaken`, `ConnectedElsewhere`, `SignOnProviderAway`,
    `SignOnProviderUnusable`, and `OverLimit` where too many have failed from the address.
    """
    limit = _limit(resources)
    async with aside(resources.database, NOBODY) as tx:
        await resources.failures.refuse_barred(tx, limit, facts.network)
    try:
        await attempts.use(resources, attempt)
        code = _code_of(provider, came, await providers.metadata(provider.discovery_url))
        identity = await identity_by_code(
            providers,
            provider,
            code=code,
            verifier=attempt.verifier,
            nonce=attempt.nonce,
            redirect_uri=callback_url(resources.settings, provider.name),
        )
    except (SignOnStale, SignOnRefused):
        async with aside(resources.database, NOBODY) as tx:
            await resources.failures.count(tx, limit, facts.network)
        raise
    if attempt.connects is not None:
        await connect(resources, provider, identity, user_id=attempt.connects)
        return None
    return await sign_on(resources, provider, identity, facts=facts)


def _code_of(provider: Provider, came: Came, metadata: Metadata) -> str:
    # RFC 9207: an answer of another provider is not taken to this one's token endpoint
    if came.issuer != metadata.issuer and (came.issuer is not None or metadata.names_issuer):
        raise SignOnRefused("The answer is that of another identity provider; sign in again.")
    if came.code is None or len(came.code) > CODE_CHARACTERS_MAX:
        raise SignOnRefused(_declined(provider, came.error))
    return came.code


def _declined(provider: Provider, error: str | None) -> str:
    if error in _DECLINED:
        return f"You were not signed in at {provider.title}."
    return f"{provider.title} could not sign you in ({(error or 'without a word why')[:100]})."


def _limit(resources: Resources) -> FailureLimit:
    return FailureLimit(
        "sign-ons-address",
        resources.settings.sign_in_attempts_per_minute,
        60,
        60,
        "Too many sign-ins from this address have failed; wait a minute and try again.",
    )
