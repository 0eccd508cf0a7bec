"""Web push over HTTP: the hub's key, and the caller's browsers."""

from uuid import UUID

from lyceum.accounts.edge import KEEPS_ANSWER, SIGNED_IN, CurrentResources, PrimaryTx, Tx, Who, api_router, needs
from lyceum.notify import pushing
from lyceum.notify.schemas import NewPushSubscription, PushKey, PushSubscriptionOut, PushSubscriptions
from lyceum.notify.service import person_of

router = api_router(tags=["notify"])


@router.get("/push-key")
@needs(SIGNED_IN)
async def read_push_key(who: Who, resources: CurrentResources) -> PushKey:
    """Show the key that a browser subscribes with (`applicationServerKey`)."""
    person_of(who)
    return PushKey(public_key=(await pushing.hub_key(resources)).public)


@router.get("/push-subscriptions")
@needs(SIGNED_IN)
async def list_push_subscriptions(tx: PrimaryTx, who: Who) -> PushSubscriptions:
    """List your browsers that are pushed to."""
    return PushSubscriptions(subscriptions=await pushing.list_subscriptions(tx, who))


@router.post("/push-subscriptions", status_code=201, dependencies=[KEEPS_ANSWER])
@needs(SIGNED_IN)
async def subscribe_browser(
    tx: Tx, who: Who, resources: CurrentResources, wanted: NewPushSubscription
) -> PushSubscriptionOut:
    """Have a browser pushed to: send what its `PushSubscription.toJSON()` says."""
    return await pushing.subscribe(tx, who, resources.sealer, wanted)


@router.delete("/push-subscriptions/{subscription_id}", status_code=204)
@needs(SIGNED_IN)
async def unsubscribe_browser(tx: Tx, who: Who, subscription_id: UUID) -> None:
    """Push to a browser no more."""
    await pushing.unsubscribe_browser(tx, who, subscription_id)
