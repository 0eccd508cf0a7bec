"""Codes by the clock, held against the vectors of their standards, and how they are shown to a phone."""

from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from lyceum.accounts.factors.codes import (
    code_of,
    new_recovery_codes,
    new_secret,
    otpauth_uri,
    plain_recovery_code,
    qr_svg,
    step_at,
    step_of,
)

RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    "seconds,code",
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert code_of(RFC_SECRET, step_at(seconds), digits=8) == code


@pytest.mark.parametrize("counter,code", list(enumerate(["755224", "287082", "359152", "969429"])))
def test_codes_of_six_digits_are_those_of_rfc_4226(counter: int, code: str) -> None:
    assert code_of(RFC_SECRET, counter) == code


@pytest.mark.parametrize("off,right", [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phone_may_be_one_step_off(off: int, *, right: bool) -> None:
    code = code_of(RFC_SECRET, 1000 + off)
    assert (step_of(RFC_SECRET, code, seconds=1000 * 30 + 15) == 1000 + off) is right


@pytest.mark.parametrize("typed", ["", "000000", "75522", "\uff17\uff15\uff15\uff12\uff12\uff14", "755224x", "\x00"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert step_of(RFC_SECRET, typed, seconds=30) is None


def test_a_code_may_be_typed_in_groups() -> None:
    assert step_of(RFC_SECRET, "755 224", seconds=30) == 0


def test_an_app_reads_who_where_and_the_secret() -> None:
    uri = otpauth_uri(RFC_SECRET, issuer="Ly:ceum", account="ada+x@example.org")
    parts, asked = urlsplit(uri), parse_qs(urlsplit(uri).query)
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Ly%3Aceum:ada%2Bx@example.org")
    assert asked["secret"] == ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"]
    assert (asked["issuer"], asked["digits"], asked["period"]) == (["Ly:ceum"], ["6"], ["30"])


def test_the_picture_is_a_safe_svg_document() -> None:
    picture = ET.fromstring(qr_svg("otpauth://totp/<script>&\"'"))
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert {each.tag.rpartition("}")[2] for each in picture.iter()} <= {"svg", "path", "g"}


def test_recovery_codes_are_long_and_all_different_and_read_however_typed() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(len(plain_recovery_code(code)) == 24 for code in codes)
    assert plain_recovery_code(f" {codes[0].upper().replace('-', ' ')}\n") == codes[0].replace("-", "")
    assert len({new_secret() for _ in range(50)}) == 50
