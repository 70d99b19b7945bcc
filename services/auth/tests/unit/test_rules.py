"""Pure rules: addresses, passwords, clients, claims."""

import time
from dataclasses import replace
from uuid import uuid4

import pytest

from auth_service.accounts.rules import email_key, is_time_zone
from auth_service.devices import Devices
from auth_service.events.rules import cleaned, truncated
from auth_service.ids import uuid7
from auth_service.keys.errors import InvalidToken
from auth_service.sessions import rules
from auth_service.sessions.errors import TokenExpired
from auth_service.sessions.models import RefreshClaims, Session

DAY_MS = 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("a@localhost", "a@localhost"),
        ("a@office.local", "a@office.local"),
        ("a@e2e.test", "a@e2e.test"),
        ("ünï@bücher.example", "ünï@bücher.example"),
        ("ΟΔΟΣ@example.com", "οδοσ@example.com"),
        ("οδος@example.com", "οδοσ@example.com"),
        ("Straße@example.com", "strasse@example.com"),
        ("STRASSE@example.com", "strasse@example.com"),
    ],
)
def test_addresses_compare_without_case(email: str, key: str) -> None:
    assert email_key(email) == key


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a b@example.com",
        "a@b@c",
        "a\r\nBcc: x@y.z",
        "x" * 245 + "@x.example",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        email_key(email)


def test_time_zones_are_those_of_iana() -> None:
    assert is_time_zone("Europe/Vienna")
    assert is_time_zone("UTC")
    assert not is_time_zone("localtime")
    assert not is_time_zone("Factory")
    assert not is_time_zone("europe/vienna")
    assert not is_time_zone("../etc/passwd")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3::4", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("testclient", None),
        (None, None),
    ],
)
def test_an_address_is_kept_as_its_network(address: str | None, kept: str | None) -> None:
    assert truncated(address) == kept


def test_a_user_agent_is_one_short_line() -> None:
    assert cleaned("a\r\nb\x00") == "a  b"
    assert cleaned("a\x85b\x9fc\xa0d") == "a b c\xa0d"
    assert cleaned("x" * 300) == "x" * 255
    assert cleaned(" ") is None


def test_ids_sort_by_time() -> None:
    first = uuid7()
    time.sleep(0.002)
    second = uuid7()
    assert first < second
    assert {first.version, second.version} == {7}
    assert {first.variant, second.variant} == {"specified in RFC 4122"}


def session(**changes: object) -> Session:
    now = time.time_ns() // 1_000_000
    whole = Session(
        id=uuid4(), user_id=uuid4(), ver=1, generation=3, rotated_ms=now, secret=b"s" * 32,
        expires_ms=now + 30 * DAY_MS, auth_time=now // 1000, created_ms=now, seen_ms=now,
        user_agent=None, ip=None, active=True,
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]  # shorthand of a test


def test_the_same_refresh_token_is_made_twice() -> None:
    one = session()
    assert rules.refresh_claims("i", one, 4, 10_000) == rules.refresh_claims("i", one, 4, 10_000)
    other = replace(one, secret=b"t" * 32)
    assert rules.refresh_jti(one.id, 4, one.secret) != rules.refresh_jti(other.id, 4, other.secret)
    assert rules.refresh_jti(one.id, 4, one.secret) != rules.refresh_jti(one.id, 5, one.secret)
    assert len(rules.refresh_jti(one.id, 4, one.secret)) == 22


def test_a_refresh_token_ends_with_its_session() -> None:
    now = 1_000_000_000_000
    assert rules.refresh_expiry(now, now + 30 * DAY_MS) == (now + 14 * DAY_MS) // 1000
    assert rules.refresh_expiry(now, now + DAY_MS) == (now + DAY_MS) // 1000


def test_a_signing_key_alone_forges_no_refresh_token() -> None:
    one = session()
    jti = rules.refresh_jti(one.id, 3, one.secret)
    good = RefreshClaims(one.id, one.user_id, 3, jti, 1, 2)
    assert rules.is_of(good, one)
    assert not rules.is_of(replace(good, jti="x" * 22), one)
    assert not rules.is_of(replace(good, generation=4), one)
    assert not rules.is_of(replace(good, user_id=uuid4()), one)


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    whole = {
        "iss": "expense-auth", "aud": "expense-app", "sub": str(uuid4()), "sid": str(uuid4()),
        "jti": "j", "iat": now, "exp": now + 300, "auth_time": now, "client_id": "web",
        "scope": "profile:read", "ver": 1, "zoneinfo": "UTC",
    } | changes  # fmt: skip
    return {name: value for name, value in whole.items() if value is not None}


def test_good_access_claims_are_read() -> None:
    read = rules.read_access(claims(scope="a b"), "expense-auth", time.time())
    assert read.scopes == {"a", "b"}


NOW = int(time.time())


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in claims()),
        {"iss": "expense-auth/"},
        {"iss": ["expense-auth"]},
        {"aud": ["expense-app"]},
        {"client_id": "admin"},
        {"client_id": ["web"]},
        {"client_id": {"web": 1}},
        {"aud": "auth-refresh"},
        {"iat": float(NOW)},
        {"iat": str(NOW)},
        {"iat": True},
        {"iat": NOW + 86_400, "exp": NOW + 86_700},
        {"exp": NOW + 3600 * 24 * 3650},
        {"exp": NOW - 1},
        {"exp": 1e308},
        {"ver": 0},
        {"ver": True},
        {"sid": "not-a-uuid"},
        {"sid": "A" * 36},
        {"scope": ""},
        {"scope": "a  b"},
        {"scope": " a"},
        {"scope": 'a"b'},
        {"jti": "x" * 65},
    ],
)
def test_claims_that_are_not_exactly_right_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidToken):
        rules.read_access(claims(**changes), "expense-auth", time.time())


def test_the_end_has_a_leeway() -> None:
    rules.check_alive(1000, 1029.9)
    with pytest.raises(TokenExpired):
        rules.check_alive(1000, 1030)


def test_a_device_is_known_to_its_user_alone() -> None:
    devices = Devices(b"k" * 32)
    ada, bob = uuid4(), uuid4()
    token = devices.issue(ada)
    assert devices.is_known(token, ada)
    assert not devices.is_known(token, bob)
    assert not Devices(b"l" * 32).is_known(token, ada)
    assert not devices.is_known("", ada)
    assert devices.issue(ada) != token
