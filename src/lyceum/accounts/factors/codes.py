"""Codes that people type: those of authenticator apps (TOTP, RFC 6238, over HOTP, RFC 4226) and those for when all else is lost."""

import base64
import hashlib
import hmac
import re
import secrets
from io import BytesIO
from urllib.parse import quote, urlencode

SECRET_BYTES = 20
DIGITS = 6
STEP_SECONDS = 30
STEPS_OFF_MAX = 1
"""How many steps the clock of a phone may be ahead or behind."""
RECOVERY_CODES = 10
_RECOVERY_CHARACTERS = 24
"""120 bits, so that the digest of one tells as little as that of a key."""
_RECOVERY_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_BETWEEN = re.compile(r"[\s-]")
QR_PIXELS_A_MODULE = 4


def new_secret() -> bytes:
    """Return a fresh secret of 160 bits for an app, as RFC 4226 recommends."""
    return secrets.token_bytes(SECRET_BYTES)


def step_at(seconds: float) -> int:
    """Return the number of the time step at so many seconds since 1970."""
    return int(seconds // STEP_SECONDS)


def code_of(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """Return the code of a step: RFC 4226, section 5.3, with SHA-1, which is what every app can."""
    mac = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, code: str, *, seconds: float) -> int | None:
    """Return the step near a time whose code this is, None when it is no such code."""
    typed = _BETWEEN.sub("", code)
    now = step_at(seconds)
    found = None
    for step in range(now - STEPS_OFF_MAX, now + STEPS_OFF_MAX + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), typed.encode()):
            found = step
    return found


def base32_of(secret: bytes) -> str:
    """Return a secret as it is typed into an app that reads no picture."""
    return base64.b32encode(secret).decode().rstrip("=")


def otpauth_uri(secret: bytes, *, issuer: str, account: str) -> str:
    """Return what apps read from a picture, in the form that Google Authenticator began and all others know."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    asked = {"secret": base32_of(secret), "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{label}?{urlencode(asked, quote_via=quote)}"


def qr_svg(text: str) -> str:
    """Return a QR code as an SVG document, black on white in any theme, with the quiet zone that readers need."""
    import segno

    drawn = BytesIO()
    looks = {"scale": QR_PIXELS_A_MODULE, "border": 4, "dark": "#000", "light": "#fff"}
    # with its namespace it is a picture of its own for browsers, not only a part of a page
    segno.make_qr(text, error="m").save(drawn, kind="svg", xmldecl=False, svgns=True, nl=False, **looks)
    return drawn.getvalue().decode()


def new_recovery_codes() -> list[str]:
    """Return fresh codes, in groups that can be read aloud."""
    return [_grouped(_random_text()) for _ in range(RECOVERY_CODES)]


def plain_recovery_code(code: str) -> str:
    """Return a code as it is compared, however it was typed."""
    return _BETWEEN.sub("", code).lower()


def _random_text() -> str:
    return "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(_RECOVERY_CHARACTERS))


def _grouped(text: str) -> str:
    return "-".join(text[start : start + 6] for start in range(0, len(text), 6))
