"""Mail over HTTP: does it go out, and how do letters look; for whoever runs the hub. And the end of letters, for anybody."""

import time
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import HTMLResponse

from lyceum.accounts.edge import ADMINISTRATOR, OPEN, CurrentResources, Tx, Who, api_router, needs
from lyceum.accounts.public import require_operator
from lyceum.kernel.ids import new_id
from lyceum.kernel.tx import aside
from lyceum.notify.errors import MailRefused, UnsubscribeLinkInvalid
from lyceum.notify.letters import Reader, trial_rendered
from lyceum.notify.mailing import MailServer, message_of, send
from lyceum.notify.previews import names, preview
from lyceum.notify.queries import find_reader
from lyceum.notify.schemas import (
    LetterTemplate,
    LetterTemplates,
    MailTrial,
    MailTrialDone,
    ResubscribeWish,
    Unsubscribed,
    UnsubscribeWish,
)
from lyceum.notify.service import person_of
from lyceum.notify.unsubscribing import resubscribe, unsubscribe
from lyceum.notify.wording import LANGUAGES

router = api_router(tags=["notify"])

PREVIEW_HEADERS = {
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""A letter holds what people typed: whatever slipped through runs nothing, loads nothing and is nobody's page but in the hub's."""


@router.post("/admin/mail/test")
@needs(ADMINISTRATOR)
async def try_mail(who: Who, resources: CurrentResources, wanted: MailTrial) -> MailTrialDone:
    """Send a letter now and say what the mail server answered."""
    require_operator(who)
    settings = resources.settings
    server = MailServer.configured(settings)
    async with aside(resources.database, who.scope) as tx:
        reader = await find_reader(tx, person_of(who))
    to = wanted.to or (reader.email if reader else None)
    if to is None:
        raise MailRefused("You have confirmed no e-mail address; say in `to` where the letter shall go.")
    shown = Reader(reader.display_name if reader else "", reader.locale if reader else "en")
    letter = trial_rendered(shown, hub=settings.base_url)
    began = time.monotonic()
    await send(message_of(letter, settings, to=to, display_name="", ident=f"test-{new_id()}"), settings)
    return MailTrialDone(to=to, server=f"{server.host}:{server.port}", seconds=round(time.monotonic() - began, 3))


@router.get("/admin/mail/templates")
@needs(ADMINISTRATOR)
async def list_letters(who: Who, resources: CurrentResources) -> LetterTemplates:
    """List every letter in every language, with sample facts."""
    require_operator(who)
    hub = resources.settings.base_url
    templates = []
    for name in names():
        for language in LANGUAGES:
            letter = preview(name, language, hub=hub)
            path = f"/api/v1/admin/mail/templates/{name}/{language}"
            templates.append(
                LetterTemplate(name=name, language=language, subject=letter.subject, text=letter.text, html_path=path)
            )
    return LetterTemplates(templates=templates)


@router.get("/admin/mail/templates/{name}/{language}", response_class=HTMLResponse)
@needs(ADMINISTRATOR)
async def read_letter(who: Who, resources: CurrentResources, name: str, language: str) -> HTMLResponse:
    """Show a letter's HTML, to be looked at in a frame of its own."""
    require_operator(who)
    letter = preview(name, language, hub=resources.settings.base_url)
    return HTMLResponse(letter.html, headers=PREVIEW_HEADERS)


@router.post("/unsubscribe")
@needs(OPEN)
async def end_letters(tx: Tx, resources: CurrentResources, wanted: UnsubscribeWish) -> Unsubscribed:
    """End letters of one kind, by the token of a letter's link; nobody has to sign in for that."""
    return await unsubscribe(tx, resources.settings, wanted.token)


@router.post("/unsubscribe/undo", status_code=204)
@needs(OPEN)
async def want_letters_again(tx: Tx, resources: CurrentResources, wanted: ResubscribeWish) -> None:
    """Take the end of letters back, by the same token."""
    await resubscribe(tx, resources.settings, wanted)


@router.post("/unsubscribe/one-click")
@needs(OPEN)
async def end_letters_at_once(
    tx: Tx, request: Request, resources: CurrentResources, token: Annotated[str, Query(min_length=1, max_length=400)]
) -> Unsubscribed:
    """End letters as a reader's mail program asks (RFC 8058): `List-Unsubscribe=One-Click` as a form of either kind."""
    said = await request.body()
    if b"List-Unsubscribe" not in said or b"One-Click" not in said:
        raise UnsubscribeLinkInvalid(
            "Mail programs post `List-Unsubscribe=One-Click` here; open the letter's link instead."
        )
    return await unsubscribe(tx, resources.settings, token)
