"""Guesses at one account: slower and slower, never a lock, and nothing told."""

import asyncpg
import httpx
import pytest

from auth_service.accounts import administration
from auth_service.settings import Settings
from tests import postgres as servers
from tests.actors import AUTH, PASSWORD, client_of, register, sign_in
from tests.guesses import ADA, WRONG, clocked, limited, login, refused


@pytest.mark.parametrize("exists", [True, False])
async def test_an_account_is_guessed_at_slower_and_slower_and_never_locked(
    settings: Settings,
    exists: bool,  # noqa: FBT001 - a table
) -> None:
    async with (
        limited(settings, throttle_address_failures=1000) as app,
        client_of(app) as client,
        clocked(app) as clock,
    ):
        if exists:
            assert (await register(client, ADA["email"])).status_code == 201
        for _ in range(5):
            assert (await login(client, WRONG)).status_code == 401
        spelled = WRONG | {"email": "ADA@Example.com"}
        for seconds in (1, 2, 4, 8, 16, 32, 60, 60):
            assert refused(await login(client, spelled), "account") == seconds
            clock.seconds += seconds
            assert (await login(client, spelled)).status_code == 401
        if exists:
            clock.seconds += 60
            assert (await login(client, ADA)).status_code == 200


async def test_a_disabled_account_does_not_tell_the_right_password(
    settings: Settings, urls: dict[str, str]
) -> None:
    async with limited(settings) as app, client_of(app) as client, clocked(app):
        assert (await register(client, ADA["email"])).status_code == 201
        await servers.execute(urls["owner"], "UPDATE users SET disabled_at = now()")
        for _ in range(5):
            assert (await login(client, ADA)).status_code == 401
        refused(await login(client, ADA), "account")


async def test_a_stranger_does_not_lock_the_owner_out(settings: Settings) -> None:
    async with (
        limited(settings) as app,
        client_of(app) as owner,
        client_of(app) as stranger,
        clocked(app),
    ):
        await sign_in(owner, ADA["email"])
        for _ in range(5):
            await login(stranger, WRONG)
        refused(await login(stranger, ADA), "account")
        for number in range(15):
            await login(stranger, WRONG | {"email": f"person-{number}@example.com"})
        assert refused(await login(stranger, ADA), "address") >= 590
        assert (await login(owner, ADA)).status_code == 200


async def test_a_known_device_has_a_count_of_its_own(settings: Settings) -> None:
    async with (
        limited(settings) as app,
        client_of(app) as owner,
        client_of(app) as other,
        clocked(app),
    ):
        await sign_in(owner, ADA["email"])
        for _ in range(5):
            assert (await login(owner, WRONG)).status_code == 401
        refused(await login(owner, ADA), "device")
        assert (await login(other, ADA)).status_code == 200  # the account is not slower for it
        assert (await login(other, WRONG)).status_code == 401  # nor is another known device
        refused(await login(owner, ADA), "device")
        device = next(c.value or "" for c in owner.cookies.jar if c.name == "ea_device")
        async with client_of(app, Cookie=f"ea_device={device}") as thief:
            assert (await register(thief, "bob@example.com")).status_code == 201
            for _ in range(5):
                await login(thief, WRONG | {"email": "bob@example.com"})
            refused(await login(thief, WRONG | {"email": "bob@example.com"}), "account")


async def test_asking_for_the_password_once_more_counts_too(settings: Settings) -> None:
    async with limited(settings) as app, client_of(app) as client, clocked(app):
        await sign_in(client, ADA["email"])
        for _ in range(5):
            change = {"current_password": "not it", "new_password": "a walk in the park, 1987"}
            assert (await client.post(f"{AUTH}/password", json=change)).status_code == 403
        form = {"current_password": PASSWORD}
        refused(await client.request("DELETE", f"{AUTH}/me", json=form), "device")
        assert (await client.get(f"{AUTH}/me")).status_code == 200


async def test_known_and_unknown_cannot_be_told_apart(settings: Settings) -> None:
    def seen(answer: httpx.Response) -> tuple[object, ...]:
        body = answer.json()
        assert body.pop("request_id") == answer.headers["x-request-id"]
        return answer.status_code, body, list(answer.headers)

    async with limited(settings) as app, client_of(app) as client, clocked(app):
        assert (await register(client, ADA["email"])).status_code == 201
        statuses = []
        for _ in range(7):
            known = await login(client, WRONG)
            unknown = await login(client, WRONG | {"email": "nobody@example.com"})
            assert seen(known) == seen(unknown)
            statuses.append(known.status_code)
            if known.status_code == 429:
                assert known.headers["ratelimit"] == unknown.headers["ratelimit"]
        assert statuses == [401] * 5 + [429] * 2


@pytest.mark.parametrize("when", ["it was used", "it has run out"])
async def test_a_one_time_password_that_is_over_is_a_wrong_one(
    settings: Settings, urls: dict[str, str], when: str
) -> None:
    """It counts, it waits, and the owner sees it."""
    async with limited(settings) as app, client_of(app) as client, clocked(app):
        await register(client, ADA["email"])
        _, password = await administration.reset(app.state.resources, ADA["email"])
        once = ADA | {"password": password}
        if when == "it was used":
            assert (await login(client, once)).status_code == 200
        else:
            await servers.execute(urls["owner"], "UPDATE users SET one_time_until = now()")
    async with limited(settings) as app, client_of(app) as thief, clocked(app):
        for _ in range(5):
            answer = await login(thief, once)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
        refused(await login(thief, once), "account")
    owner = await asyncpg.connect(urls["owner"])
    failed = "SELECT count(*) FROM security_events WHERE type = 'sign_in_failed'"
    assert await owner.fetchval(failed) == 5
    await owner.close()
