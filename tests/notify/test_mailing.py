"""Letters reach a real mail server, safely, and as mail programs want them."""

import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from fixtures.mail_server import Authority, MailServer, running_mail_server
from lyceum.kernel.config import Settings, SettingsInvalid, load_settings
from lyceum.notify.errors import MailAway, MailNotSetUp, MailRefused
from lyceum.notify.letters import Rendered
from lyceum.notify.mailing import message_of, send

HTML = "<p>Grüße</p>"
LETTER = Rendered("Straße & more", "Grüße\n" + "x" * 2000, HTML, "de")


def settings_of(url: str | None, home: Path, **more: Any) -> Settings:
    return load_settings(home=home, secret_key="s", public_url="https://hub.example.org", mail_url=url, **more)


def message(settings: Settings, **more: Any) -> EmailMessage:
    wanted = {"to": "ada@example.org", "display_name": "Ada Lövelace", "ident": "notice-1"} | more
    return message_of(LETTER, settings, **wanted)


async def test_a_letter_arrives_encrypted_with_all_a_letter_needs(mail_server: MailServer, tmp_path: Path) -> None:
    settings = settings_of(mail_server.url(), tmp_path, mail_from="Our Hub <hub@example.org>")
    await send(message(settings, unsubscribe="https://hub.example.org/api/v1/unsubscribe/one-click?token=t"), settings)
    arrived = mail_server.delivered[0]
    assert mail_server.encrypted == [True]
    assert mail_server.recipients == ["ada@example.org"]
    assert arrived["From"] == "Our Hub <hub@example.org>"
    assert arrived["To"].addresses[0].display_name == "Ada Lövelace"
    assert arrived["Subject"] == "Straße & more"
    assert arrived["Message-ID"] == "<notice-1@hub.example.org>"
    assert arrived["Auto-Submitted"] == "auto-generated"
    assert arrived["Content-Language"] == "de"
    assert arrived["List-Unsubscribe"] == "<https://hub.example.org/api/v1/unsubscribe/one-click?token=t>"
    assert arrived["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = arrived.get_body(("plain",)), arrived.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().split()[0] == "Grüße"
    assert html.get_content().strip() == HTML


async def test_a_letter_that_nobody_can_refuse_offers_no_refusal(mail_server: MailServer, tmp_path: Path) -> None:
    settings = settings_of(mail_server.url(), tmp_path)
    await send(message(settings), settings)
    assert mail_server.delivered[0]["List-Unsubscribe"] is None
    assert mail_server.delivered[0]["From"] == "Lyceum <lyceum@hub.example.org>"


async def test_tls_from_the_start_works_too(authority: Authority, trusts_authority: None, tmp_path: Path) -> None:
    async with running_mail_server(authority.serving("localhost"), from_the_start=True) as server:
        settings = settings_of(server.url("smtps"), tmp_path)
        await send(message(settings), settings)
        assert len(server.delivered) == 1


async def test_a_server_without_tls_gets_no_letter_and_no_password(trusts_authority: None, tmp_path: Path) -> None:
    async with running_mail_server(None) as server:
        settings = settings_of(server.url(), tmp_path)
        with pytest.raises(MailAway, match="STARTTLS"):
            await send(message(settings), settings)
        assert server.delivered == []


async def test_a_server_beside_the_hub_may_do_without(tmp_path: Path) -> None:
    async with running_mail_server(None) as server:
        settings = settings_of(f"smtp://localhost:{server.port}?starttls=no", tmp_path)
        await send(message(settings), settings)
        assert server.encrypted == [False]


async def test_a_server_with_somebody_elses_certificate_gets_nothing(
    authority: Authority, trusts_authority: None, tmp_path: Path
) -> None:
    async with running_mail_server(authority.serving("other.example.org")) as server:
        settings = settings_of(server.url(), tmp_path)
        with pytest.raises(MailAway, match="certificate"):
            await send(message(settings), settings)
        assert server.delivered == []


async def test_a_wrong_password_is_told_without_it(mail_server: MailServer, tmp_path: Path) -> None:
    settings = settings_of(mail_server.url(password="wrong-word"), tmp_path)
    with pytest.raises(MailAway, match="LYCEUM_MAIL_URL") as refused:
        await send(message(settings), settings)
    assert "wrong-word" not in refused.value.detail


@pytest.mark.parametrize(
    "answer, told", [("550 5.1.1 no such person", MailRefused), ("451 4.7.1 greylisted", MailAway)]
)
async def test_what_is_refused_for_good_is_not_tried_again_and_what_may_pass_is(
    mail_server: MailServer, tmp_path: Path, answer: str, told: type[Exception]
) -> None:
    mail_server.answers.append(answer)
    settings = settings_of(mail_server.url(), tmp_path)
    with pytest.raises(told):
        await send(message(settings), settings)
    await send(message(settings), settings)
    assert len(mail_server.delivered) == 1


async def test_nobody_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    settings = settings_of("smtp://localhost:1?starttls=no", tmp_path)
    with pytest.raises(MailAway, match=r"localhost:1 does not take mail"):
        await send(message(settings), settings)


async def test_without_a_server_there_is_no_mail(tmp_path: Path) -> None:
    settings = settings_of(None, tmp_path)
    with pytest.raises(MailNotSetUp, match="LYCEUM_MAIL_URL"):
        await send(message(settings), settings)


@pytest.mark.parametrize(
    "name",
    [
        "Ada\r\nBcc: eve@example.org",
        "Ada\nSubject: other",
        "Ada\x00\x1b[31m",
        "Ada\u2028Bcc: eve@example.org",
        '"<eve@example.org>',
        "Ada\ud800",
    ],
)
async def test_a_name_cannot_add_a_header_or_a_reader(mail_server: MailServer, tmp_path: Path, name: str) -> None:
    settings = settings_of(mail_server.url(), tmp_path)
    letter = Rendered(f"About {name}", "text", HTML, "en")
    await send(message_of(letter, settings, to="ada@example.org", display_name=name, ident="notice-1"), settings)
    arrived = mail_server.delivered[0]
    assert mail_server.recipients == ["ada@example.org"]
    assert arrived["Bcc"] is None
    assert [address.addr_spec for address in arrived["To"].addresses] == ["ada@example.org"]
    assert len(arrived.get_all("Subject", [])) == 1


@pytest.mark.parametrize(
    "to", ["ada@example.org\r\nBcc: eve@example.org", "ada", "", "a@b, eve@example.org", "<script>@"]
)
async def test_what_is_no_address_gets_no_letter(tmp_path: Path, to: str) -> None:
    with pytest.raises(MailRefused, match="no address") as refused:
        message(settings_of("smtp://localhost:1", tmp_path), to=to)
    assert "eve" not in refused.value.detail


@pytest.mark.parametrize(
    "url, said",
    [
        ("http://mail.example.org", "smtp://"),
        ("smtp://", "name a host"),
        ("smtp://u:secret@mail.example.org?starttls=no", "leave out starttls=no"),
        ("smtp://mail.example.org?tls=1", "starttls=no"),
        ("smtps://mail.example.org?starttls=no", "starttls=no"),
        ("smtp://u:secret@mail.example.org:port", "must be an address"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_start(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said) as refused:
        settings_of(url, tmp_path)
    assert "secret" not in str(refused.value)


def test_a_sender_that_is_none_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="LYCEUM_MAIL_FROM"):
        settings_of(None, tmp_path, mail_from="nobody\r\nBcc: eve@example.org")


def test_a_message_is_made_in_a_moment(tmp_path: Path) -> None:
    settings = settings_of(None, tmp_path)
    message(settings)
    began = time.process_time()
    for _ in range(20):
        message(settings)
    assert (time.process_time() - began) / 20 < 0.02
