"""Letters on their way: as messages of the mail's own form, handed to the hub's mail server."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib

from lyceum.kernel.config import Settings
from lyceum.kernel.outward import trusted_authorities
from lyceum.notify.errors import MailAway, MailNotSetUp, MailRefused
from lyceum.notify.letters import Rendered
from lyceum.notify.wording import one_line

SEND_SECONDS_MAX = 60.0
_PORTS = {"smtp": 587, "smtps": 465}
_REFUSED_FOR_GOOD = range(500, 600)
_NEVER_FOLDED = frozenset({"List-Unsubscribe", "List-Unsubscribe-Post", "Message-ID"})


class _LetterPolicy(EmailPolicy):
    """As SMTP has it, but leaves alone what holds one long word, which the library would encode as text (RFC 8058 forbids)."""

    def fold(self, name: str, value: str) -> str:
        return f"{name}: {value}\r\n" if name in _NEVER_FOLDED else super().fold(name, value)

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode() if name in _NEVER_FOLDED else super().fold_binary(name, value)


_POLICY = _LetterPolicy(linesep="\r\n", raise_on_defect=True)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed in, and how."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    tls_from_the_start: bool
    upgrades_to_tls: bool

    @classmethod
    def configured(cls, settings: Settings) -> "MailServer":
        """Return the server of a hub with these settings; raises `MailNotSetUp`."""
        if settings.mail_url is None:
            raise MailNotSetUp("This hub sends no mail: set LYCEUM_MAIL_URL to a mail server.")
        parts = urlsplit(settings.mail_url.get_secret_value())
        return cls(
            host=parts.hostname or "",
            port=parts.port or _PORTS[parts.scheme],
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or "") if parts.username else None,
            tls_from_the_start=parts.scheme == "smtps",
            upgrades_to_tls=parts.scheme == "smtp" and not parts.query,
        )


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Where a reader says that they want no more: a page for them, an address for their mail program (RFC 8058)."""

    page_url: str
    one_click_url: str


def message_of(
    letter: Rendered, settings: Settings, *, to: str, display_name: str, ident: str, unsubscribe: str | None = None
) -> EmailMessage:
    """Return a letter as a message. `ident` is the same each time it is sent, so that who gets it twice sees one.

    `unsubscribe` is the address that takes a one-click refusal. Raises `MailRefused` for an address that is none.
    """
    message = EmailMessage(policy=_POLICY)
    host = _host_of(settings)
    try:
        message["From"] = sender_of(settings)
        message["To"] = Address(one_line(display_name), addr_spec=_in_ascii(to))
        message["Subject"] = one_line(letter.subject)
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = f"<{ident}@{host}>"
        message["Auto-Submitted"] = "auto-generated"
        if unsubscribe is not None:
            message["List-Unsubscribe"] = f"<{unsubscribe}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    except (ValueError, IndexError, MessageError):
        # the library's words may hold the address, which is nobody else's business
        raise MailRefused("The letter's recipient or sender is no address that mail can go to.") from None
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    # to set the content drops what was said of it before
    message["Content-Language"] = letter.language
    return message


async def send(message: EmailMessage, settings: Settings) -> None:
    """Hand a message to the hub's mail server; raises `MailNotSetUp`, `MailRefused` and `MailAway`."""
    server = MailServer.configured(settings)
    try:
        async with asyncio.timeout(SEND_SECONDS_MAX):
            await aiosmtplib.send(
                # as bytes, since the library would write a message in its own way
                message.as_bytes(),
                sender=message["From"].addresses[0].addr_spec,
                recipients=[message["To"].addresses[0].addr_spec],
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.tls_from_the_start,
                start_tls=server.upgrades_to_tls,
                tls_context=trusted_authorities(),
                local_hostname=_greeting_of(settings),
                timeout=SEND_SECONDS_MAX,
            )
    except TimeoutError:
        raise MailAway(f"{server.host}:{server.port} has not taken the letter within {SEND_SECONDS_MAX:g} s.") from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = {refused.code for refused in error.recipients}
        refused = codes <= set(_REFUSED_FOR_GOOD)
        raise _refusal(server, f"the recipient, with {sorted(codes)}", for_good=refused) from None
    except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
        raise _refusal(
            server, f"the letter: {error.code} {one_line(error.message)}", for_good=error.code >= 500
        ) from None
    except aiosmtplib.SMTPAuthenticationError:
        raise MailAway(
            f"{server.host} does not let the hub in: look at user and password in LYCEUM_MAIL_URL."
        ) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise MailAway(f"{server.host}:{server.port} does not take mail: {_why(error)}.") from None


def _in_ascii(address: str) -> str:
    name, _, host = address.rpartition("@")
    if not name.isascii():
        raise ValueError("few servers take such names")
    return f"{name}@{host if host.isascii() else host.encode('idna').decode()}"


def _refusal(server: MailServer, what: str, *, for_good: bool) -> MailAway | MailRefused:
    kind = MailRefused if for_good else MailAway
    return kind(f"{server.host} does not take {what}.")


def _why(error: Exception) -> str:
    return one_line(getattr(error, "message", "") or str(error) or type(error).__name__).rstrip(".")


def sender_of(settings: Settings) -> Address:
    """Return whom letters are from."""
    name, address = parseaddr(settings.mail_from or "")
    return Address(name or "Lyceum", addr_spec=address or f"lyceum@{_host_of(settings)}")


def _host_of(settings: Settings) -> str:
    host = urlsplit(settings.base_url).hostname or "localhost"
    return _literal(host) or host


def _greeting_of(settings: Settings) -> str:
    # what the machine calls itself is asked of the network, and may take long
    return _host_of(settings)


def _literal(host: str) -> str | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"
