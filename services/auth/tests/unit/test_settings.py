from pathlib import Path

import pytest

from auth_service.settings import Settings, load, read_key, read_secret

GOOD = {
    "AUTH_DATABASE_URL": "postgresql://app@127.0.0.1:5432/db",
    "AUTH_REDIS_URL": "redis://auth@127.0.0.1:6379/0",
    "AUTH_KEY_ENCRYPTION_KEY_FILE": __file__,
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def sentence() -> str:
    with pytest.raises(SystemExit) as refused:
        load(Settings)
    return str(refused.value)


def test_good_settings_load() -> None:
    assert not load(Settings).secure


def test_passwords_and_guesses_have_their_full_strength_unless_somebody_says_otherwise() -> None:
    """The tests of whole stacks lower these, so that nothing else would see it."""
    settings = load(Settings)
    assert (settings.argon2_time_cost, settings.argon2_memory_kib) == (2, 64 * 1024)
    assert settings.throttle_address_failures == 20
    assert settings.rotation_interval_seconds == 30


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    said = sentence()
    assert name in said
    assert "not set" in said or "exactly one" in said


@pytest.mark.parametrize(
    "origin",
    [
        "http://money.example",
        "https://money.example/",
        "https://user@money.example",
        "ftp://localhost",
        "localhost:8080",
        "",
        "http://localhost.evil.example",
        "https://money.example#",
        "https://money.example?",
        "https://:pw@money.example",
        "https://money.example:",
        "https://money.example:0443",
        "https://money.example:65536",
        "https://money example",
        " https://money.example",
        "https://bücher.example",
        "http://::1",
    ],
)
def test_an_origin_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("AUTH_PUBLIC_ORIGIN", origin)
    assert "AUTH_PUBLIC_ORIGIN is not valid" in sentence()


@pytest.mark.parametrize(
    ("origin", "secure"),
    [
        ("http://localhost:8080", False),
        ("http://127.0.0.1", False),
        ("http://[::1]:80", False),
        ("https://money.example", True),
    ],
)
def test_an_origin_decides_the_cookies(
    monkeypatch: pytest.MonkeyPatch, origin: str, *, secure: bool
) -> None:
    monkeypatch.setenv("AUTH_PUBLIC_ORIGIN", origin)
    assert load(Settings).secure is secure


@pytest.mark.parametrize(
    ("origin", "as_sent"),
    [
        ("https://localhost:443", "https://localhost"),
        ("https://Money.Example", "https://money.example"),
        ("https://money.example:8443", "https://money.example:8443"),
        ("https://money.example:80", "https://money.example:80"),
        ("https://money.example:65535", "https://money.example:65535"),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_origin_is_as_browsers_send_it(
    monkeypatch: pytest.MonkeyPatch, origin: str, as_sent: str
) -> None:
    monkeypatch.setenv("AUTH_PUBLIC_ORIGIN", origin)
    assert load(Settings).public_origin == as_sent


def test_a_password_in_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_DATABASE_URL", "postgresql://app:secret@127.0.0.1/db")
    said = sentence()
    assert "AUTH_DATABASE_URL is not valid" in said
    assert "secret" not in said


@pytest.mark.parametrize("seconds", ["60", "2592000", "31536000"])
def test_a_key_s_lifetime(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("AUTH_KEY_LIFETIME_SECONDS", seconds)
    assert load(Settings).key_lifetime_seconds == int(seconds)


@pytest.mark.parametrize("seconds", ["59", "31536001", "0", "-1", "month"])
def test_a_key_s_lifetime_that_is_none(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("AUTH_KEY_LIFETIME_SECONDS", seconds)
    assert "AUTH_KEY_LIFETIME_SECONDS is not valid" in sentence()


def test_a_secret_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUTH_DATABASE_PASSWORD_FILE", str(tmp_path / "absent"))
    said = sentence()
    assert "AUTH_DATABASE_PASSWORD_FILE is not valid" in said
    assert f"{tmp_path}/absent cannot be read" in said
    with pytest.raises(SystemExit, match="cannot be read"):
        read_secret(tmp_path / "absent")


@pytest.mark.parametrize("text", ["", "short", "!" * 43, "A" * 44])
def test_a_key_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(SystemExit, match=r"THE_NAME: .* 32 random bytes"):
        read_key(tmp_path / "key", "THE_NAME")


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("ADDRESS_FAILURES", 1, 1_000_000),
        ("WINDOW_SECONDS", 1, 86_400),
        ("ACCOUNT_FAILURES", 1, 1_000_000),
        ("LONGEST_DELAY_SECONDS", 1, 3600),
        ("REGISTRATIONS", 1, 1_000_000),
    ],
)
def test_a_limit_on_guessing_has_limits(
    monkeypatch: pytest.MonkeyPatch, name: str, least: int, most: int
) -> None:
    variable = f"AUTH_THROTTLE_{name}"
    for value in (least, most):
        monkeypatch.setenv(variable, str(value))
        assert getattr(load(Settings), f"throttle_{name}".lower()) == value
    for value in (least - 1, most + 1):
        monkeypatch.setenv(variable, str(value))
        assert f"{variable} is not valid" in sentence()


@pytest.mark.parametrize(
    ("origin", "expected"),
    [("http://localhost:8080", 10_000), ("http://[::1]", 10_000), ("https://money.example", 100)],
)
def test_many_accounts_are_made_in_development_only(
    monkeypatch: pytest.MonkeyPatch, origin: str, expected: int
) -> None:
    monkeypatch.setenv("AUTH_PUBLIC_ORIGIN", origin)
    assert load(Settings).registrations_per_address == expected
    monkeypatch.setenv("AUTH_THROTTLE_REGISTRATIONS", "7")
    assert load(Settings).registrations_per_address == 7
