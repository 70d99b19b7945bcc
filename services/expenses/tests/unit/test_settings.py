from pathlib import Path

import pytest

from expenses_service.settings import Settings, load, read_key, read_secret

GOOD = {
    "EXPENSES_DATABASE_URL": "postgresql://app@127.0.0.1:5432/db",
    "EXPENSES_JWKS_URL": "http://127.0.0.1:8000/.well-known/jwks.json",
    "EXPENSES_CURSOR_KEY_FILE": __file__,
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
    monkeypatch.setenv("EXPENSES_PUBLIC_ORIGIN", origin)
    assert "EXPENSES_PUBLIC_ORIGIN is not valid" in sentence()


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
    monkeypatch.setenv("EXPENSES_PUBLIC_ORIGIN", origin)
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
    monkeypatch.setenv("EXPENSES_PUBLIC_ORIGIN", origin)
    assert load(Settings).public_origin == as_sent


def test_a_password_in_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPENSES_DATABASE_URL", "postgresql://app:secret@127.0.0.1/db")
    said = sentence()
    assert "EXPENSES_DATABASE_URL is not valid" in said
    assert "secret" not in said


@pytest.mark.parametrize("url", ["", "ftp://auth/list", "auth:8000/list", "file:///list"])
def test_an_address_of_the_list_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("EXPENSES_REVOCATIONS_URL", url)
    assert "EXPENSES_REVOCATIONS_URL is not valid" in sentence()


def test_polls_are_never_so_rare_that_a_revocation_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPENSES_REVOCATIONS_POLL_SECONDS", "2")
    assert load(Settings).revocations_poll_seconds == 2
    monkeypatch.setenv("EXPENSES_REVOCATIONS_POLL_SECONDS", "2.01")
    assert "EXPENSES_REVOCATIONS_POLL_SECONDS is not valid" in sentence()


def test_a_secret_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EXPENSES_DATABASE_PASSWORD_FILE", str(tmp_path / "absent"))
    said = sentence()
    assert "EXPENSES_DATABASE_PASSWORD_FILE is not valid" in said
    assert f"{tmp_path}/absent cannot be read" in said
    with pytest.raises(SystemExit, match="cannot be read"):
        read_secret(tmp_path / "absent")


@pytest.mark.parametrize("text", ["", "short", "!" * 43, "A" * 44])
def test_a_key_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(SystemExit, match=r"THE_NAME: .* 32 random bytes"):
        read_key(tmp_path / "key", "THE_NAME")
