"""Settings, ids and secrets."""

import logging
import time
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.kernel.config import Settings, SettingsInvalid, load_settings, setting_source
from lyceum.kernel.ids import new_id
from lyceum.kernel.problems import first_line
from lyceum.kernel.security import Passwords, Sealer, Signer, digest_of, new_key, new_token
from lyceum.kernel.telemetry import SeldomSaid


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LYCEUM_{name.upper()}", raising=False)
    monkeypatch.setenv("LYCEUM_HOME", str(tmp_path))


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lyceum.toml").write_text('port = 9001\nhost = "0.0.0.0"\n')
    monkeypatch.setenv("LYCEUM_PORT", "9002")
    settings = load_settings()
    assert (settings.port, settings.host, settings.predict_port) == (9002, "0.0.0.0", 8001)
    sources = {name: setting_source(name, tmp_path) for name in ("port", "host", "predict_port")}
    assert sources == {"port": "environment", "host": "lyceum.toml", "predict_port": "default"}


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LYCEUM_PORT", "")
    assert load_settings().port == 8000
    assert setting_source("port", tmp_path) == "default"


def test_the_file_is_read_from_the_home_that_was_given(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "lyceum.toml").write_text("port = 9003\n")
    assert load_settings(home=other).port == 9003
    assert load_settings().port == 8000


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LYCEUM_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.1,")
    assert load_settings().trusted_proxies == ("10.0.0.0/8", "192.168.1.1")


@pytest.mark.parametrize(
    "name, value, sentence",
    [
        ("PORT", "0", "LYCEUM_PORT is '0': input should be greater than or equal to 1."),
        ("PUBLIC_URL", "hub", "LYCEUM_PUBLIC_URL is 'hub': must start with http:// or https:// and name a host."),
        (
            "STORAGE_URL",
            "ftp://x",
            "LYCEUM_STORAGE_URL is 'ftp://x': must start with s3:// (or file:// for another folder).",
        ),
        ("DATABASE_URL", "mysql://user:hidden@host/x", "LYCEUM_DATABASE_URL: must start with postgresql://."),
        (
            "OTLP_ENDPOINT",
            "collector",
            "LYCEUM_OTLP_ENDPOINT is 'collector': must start with http:// or https:// and name a host.",
        ),
        (
            "SENTRY_DSN",
            "https://sentry.example.org/hidden",
            "LYCEUM_SENTRY_DSN: must be an address such as https://key@sentry.example.org/1.",
        ),
        ("VALKEY_URL", "localhost:6379", "LYCEUM_VALKEY_URL: must start with redis://, rediss:// or unix://."),
        (
            "VALKEY_URL",
            "redis://:hidden/@localhost",
            "LYCEUM_VALKEY_URL: must be an address such as redis://:password@host:6379/0.",
        ),
        (
            "STORAGE_OPTIONS",
            "{hidden",
            'LYCEUM_STORAGE_OPTIONS must be a JSON object, such as {"aws_region": "eu-central-1"}.',
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"LYCEUM_{name}", value)
    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert str(refused.value) == sentence
    assert "hidden" not in str(refused.value)


def test_every_wrong_setting_gets_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LYCEUM_PORT", "x")
    monkeypatch.setenv("LYCEUM_LOG_LEVEL", "loud")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == ["LYCEUM_PORT", "LYCEUM_LOG_LEVEL"]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lyceum.toml").write_text("port = \n")
    with pytest.raises(SettingsInvalid, match=r"^lyceum.toml in the hub's home is not valid TOML: .*line 1"):
        load_settings()


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "lyceum.toml").write_bytes('public_url = "http://hüb"\n'.encode("latin-1"))
    with pytest.raises(SettingsInvalid, match=r"^lyceum.toml in the hub's home is not UTF-8: save it"):
        load_settings()


@pytest.mark.parametrize(
    "key, advice",
    [
        ("prot", "did you mean port?"),
        ("LYCEUM_PORT", "did you mean port?"),
        ("workers_processes", "did you mean worker_processes?"),
        ("colour", "`lyceum config` shows every setting."),
    ],
)
def test_a_key_of_the_file_that_is_no_setting_is_refused_with_the_closest(
    tmp_path: Path, key: str, advice: str
) -> None:
    (tmp_path / "lyceum.toml").write_text(f"{key} = 1\n")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert str(refused.value) == f"lyceum.toml in the hub's home sets {key}, which is no setting: {advice}"


@pytest.mark.parametrize(
    "settings, base, root",
    [
        ({}, "http://127.0.0.1:8000", ""),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80", ""),
        ({"host": "fd00::1"}, "http://[fd00::1]:8000", ""),
        ({"public_url": "https://hub.example.org/a/b/"}, "https://hub.example.org/a/b", "/a/b"),
    ],
)
def test_the_address_to_print(settings: dict[str, object], base: str, root: str) -> None:
    loaded = load_settings(**settings)
    assert (loaded.base_url, loaded.root_path) == (base, root)


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")] == []


def test_ids_are_of_version_seven_and_sort_by_time() -> None:
    before = time.time_ns() // 1_000_000
    ids = []
    for _ in range(50):
        ids.append(new_id())
        moment = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 == moment:
            pass
    assert ids == sorted(ids)
    assert all(one.version == 7 and one.variant == UUID(int=2 << 62).variant for one in ids)
    assert before <= ids[0].int >> 80 <= ids[-1].int >> 80 <= time.time_ns() // 1_000_000
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_a_key_is_shown_by_its_prefix_and_kept_as_a_digest() -> None:
    key = new_key()
    mark, prefix, body = key.secret.split("_")
    assert (mark, prefix, len(prefix), len(body)) == ("lyk", key.prefix, 8, 32)
    assert key.digest == digest_of(key.secret)
    assert key.secret not in repr(key)
    assert len({new_key().secret for _ in range(1000)} | {new_token() for _ in range(1000)}) == 2000


async def test_a_password_is_known_by_its_hash_alone() -> None:
    passwords = Passwords(memory_kib=7_168)
    hashed = await passwords.hash("correct horse battery")
    assert hashed.startswith("$argon2id$v=19$m=7168,t=5,p=1$")
    assert await passwords.verify("correct horse battery", hashed) == (True, None)
    assert await passwords.verify("correct horse batterY", hashed) == (False, None)
    assert await passwords.verify("correct horse battery", None) == (False, None)
    assert await passwords.hash("correct horse battery") != hashed


async def test_a_hash_made_with_other_settings_is_made_anew_by_the_right_password_alone() -> None:
    before, now = Passwords(memory_kib=7_168), Passwords(memory_kib=9_216)
    hashed = await before.hash("correct horse battery")
    assert await now.verify("correct horse batterY", hashed) == (False, None)
    right, better = await now.verify("correct horse battery", hashed)
    assert right
    assert better is not None
    assert better.startswith("$argon2id$v=19$m=9216,t=4,p=1$")


def test_what_is_sealed_opens_for_its_purpose_its_place_and_its_hub_alone() -> None:
    sealer = Sealer(b"a key")
    sealed = sealer.seal("signing keys", "k1", b"secret")
    assert sealer.opened("signing keys", "k1", sealed) == b"secret"
    assert b"secret" not in sealed
    assert sealer.opened("signing keys", "k2", sealed) is None
    assert sealer.opened("other keys", "k1", sealed) is None
    assert Sealer(b"another key").opened("signing keys", "k1", sealed) is None
    assert sealer.opened("signing keys", "k1", sealed[:-1]) is None
    assert sealer.opened("signing keys", "k1", b"") is None


SIGNER = Signer(b"a key")


def test_a_signature_vouches_for_its_statement_for_its_time() -> None:
    token = SIGNER.sign("PUT x", lifetime_seconds=60)
    assert SIGNER.vouches(token, "PUT x")
    assert not SIGNER.vouches(token, "PUT y")
    assert not Signer(b"another key").vouches(token, "PUT x")
    assert not SIGNER.vouches(SIGNER.sign("PUT x", lifetime_seconds=-1), "PUT x")
    assert "a key" not in repr(SIGNER)


def test_a_longer_life_cannot_be_written_into_a_signature() -> None:
    expires, mark = SIGNER.sign("PUT x", lifetime_seconds=60).split(".")
    assert not SIGNER.vouches(f"{int(expires) + 3600}.{mark}", "PUT x")


@given(st.text())
def test_no_other_text_is_a_signature(token: str) -> None:
    assert not SIGNER.vouches(token, "PUT x")


@pytest.mark.parametrize(
    "text, said", [("one\n  two", "one"), ("\n one\r\ntwo", "one"), ("", "ValueError"), (" \n", "ValueError")]
)
def test_of_an_error_the_first_line_is_told_or_its_kind(text: str, said: str) -> None:
    assert first_line(ValueError(text)) == said


def test_what_goes_wrong_again_and_again_is_said_once_in_half_a_minute_with_how_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    seldom = SeldomSaid(logging.getLogger("lyceum.somewhere"), clock=lambda: now)
    for now in (0.0, 1.0, 29.0, 31.0):
        seldom.warn("no way there", OSError(f"at {now:.0f}"))
    seldom.warn("nor here", "why")
    said = [(record.message, record.__dict__["cause"], record.__dict__["times_left_out"]) for record in caplog.records]
    assert said == [("no way there", "at 0", 0), ("no way there", "at 31", 2), ("nor here", "why", 0)]
