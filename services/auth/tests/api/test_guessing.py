"""Who guesses has to wait; who knows the password, or the device, does not."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from auth_service.settings import Settings
from tests.actors import AUTH, PASSWORD, client_of, register, sign_in, started

ADA = {"email": "ada@example.com", "password": PASSWORD}
WRONG = ADA | {"password": "not the right one"}


@asynccontextmanager
async def limited(settings: Settings, **limits: int) -> AsyncIterator[FastAPI]:
    """The service with the limits of production, but for those given."""
    standard = {"throttle_address_failures": 20, "throttle_account_failures": 5}
    own = settings.model_copy(update=standard | limits)
    async with started(own) as app:
        yield app


async def login(client: httpx.AsyncClient, form: dict[str, str]) -> httpx.Response:
    return await client.post(f"{AUTH}/login", json=form)


def refused(answer: httpx.Response, policy: str) -> int:
    """The seconds to wait, of a 429 that is complete."""
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), answer.text
    told = re.fullmatch(rf'"{policy}";q=(\d+);w=(\d+)', answer.headers["ratelimit-policy"])
    left = re.fullmatch(rf'"{policy}";r=0;t=(\d+)', answer.headers["ratelimit"])
    assert told
    assert left
    assert left[1] == answer.headers["retry-after"]
    assert "set-cookie" not in answer.headers
    return int(left[1])


async def test_an_address_has_twenty_failures_whatever_it_says_of_itself(
    settings: Settings,
) -> None:
    async with limited(settings) as app, client_of(app) as client:
        for number in range(20):
            headers = {"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"}
            form = WRONG | {"email": f"person-{number}@example.com"}
            answer = await client.post(f"{AUTH}/login", json=form, headers=headers)
            assert answer.json()["code"] == "invalid_credentials"
        assert (await register(client, "ada@example.com")).status_code == 201
        for form in (ADA, WRONG, WRONG | {"email": "nobody@example.com"}):
            answer = await login(client, form)
            assert 590 <= refused(answer, "address") <= 600
            assert answer.headers["ratelimit-policy"] == '"address";q=20;w=600'


async def test_at_once_they_are_no_more(settings: Settings) -> None:
    async with limited(settings, password_waiting=1000) as app, client_of(app) as client:
        forms = [WRONG | {"email": f"person-{number}@example.com"} for number in range(200)]
        answers = await asyncio.gather(*(login(client, form) for form in forms))
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(401), statuses.count(429)) == (20, 180)


async def test_only_failures_count(settings: Settings) -> None:
    async with limited(settings, throttle_address_failures=3) as app, client_of(app) as client:
        assert (await register(client, ADA["email"])).status_code == 201
        for _ in range(10):
            client.cookies.clear()
            assert (await login(client, ADA)).status_code == 200
        for _ in range(3):
            assert (await client.post(f"{AUTH}/login", json={})).status_code == 422
            assert (await client.post(f"{AUTH}/refresh", headers={"Cookie": "x"})).is_client_error
        client.cookies.clear()
        bad = {"Cookie": "ea_refresh=x"}
        for _ in range(5):
            assert (await client.post(f"{AUTH}/refresh", headers=bad)).status_code == 401
        assert (await login(client, ADA)).status_code == 200


async def test_the_window_slides(settings: Settings) -> None:
    few = {"throttle_address_failures": 1, "throttle_window_seconds": 1}
    async with limited(settings, **few) as app, client_of(app) as client:
        assert (await login(client, WRONG)).status_code == 401
        assert refused(await login(client, WRONG), "address") == 1
        await asyncio.sleep(1)
        assert (await login(client, WRONG)).status_code == 401


@pytest.mark.parametrize("exists", [True, False])
async def test_an_account_is_guessed_at_slower_and_slower_and_never_locked(
    settings: Settings,
    exists: bool,  # noqa: FBT001
) -> None:
    async with limited(settings) as app, client_of(app) as client:
        if exists:
            assert (await register(client, ADA["email"])).status_code == 201
        for _ in range(5):
            assert (await login(client, WRONG)).status_code == 401
        spelled = WRONG | {"email": "ADA@Example.com"}
        for seconds in (1, 2):
            assert refused(await login(client, spelled), "account") == seconds
            await asyncio.sleep(seconds)
            assert (await login(client, spelled)).status_code == 401
        if exists:
            await asyncio.sleep(4)
            assert (await login(client, ADA)).status_code == 200


async def test_a_stranger_does_not_lock_the_owner_out(settings: Settings) -> None:
    async with limited(settings) as app, client_of(app) as owner, client_of(app) as stranger:
        await sign_in(owner, ADA["email"])
        for _ in range(5):
            await login(stranger, WRONG)
        refused(await login(stranger, ADA), "account")
        for number in range(15):
            await login(stranger, WRONG | {"email": f"person-{number}@example.com"})
        assert refused(await login(stranger, ADA), "address") >= 590
        assert (await login(owner, ADA)).status_code == 200


async def test_a_known_device_has_a_count_of_its_own(settings: Settings) -> None:
    async with limited(settings) as app, client_of(app) as owner, client_of(app) as other:
        await sign_in(owner, ADA["email"])
        for _ in range(5):
            assert (await login(owner, WRONG)).status_code == 401
        refused(await login(owner, ADA), "device")
        assert (await login(other, ADA)).status_code == 200  # the account is not slower for it
        device = next(c.value or "" for c in owner.cookies.jar if c.name == "ea_device")
        async with client_of(app, Cookie=f"ea_device={device}") as thief:
            assert (await register(thief, "bob@example.com")).status_code == 201
            for _ in range(5):
                await login(thief, WRONG | {"email": "bob@example.com"})
            refused(await login(thief, WRONG | {"email": "bob@example.com"}), "account")


async def test_asking_for_the_password_once_more_counts_too(settings: Settings) -> None:
    async with limited(settings) as app, client_of(app) as client:
        await sign_in(client, ADA["email"])
        for _ in range(5):
            change = {"current_password": "not it", "new_password": "a walk in the park, 1987"}
            assert (await client.post(f"{AUTH}/password", json=change)).status_code == 403
        form = {"current_password": PASSWORD}
        refused(await client.request("DELETE", f"{AUTH}/me", json=form), "device")
        assert (await client.get(f"{AUTH}/me")).status_code == 200


async def test_registrations_have_a_limit_of_their_own(settings: Settings) -> None:
    async with limited(settings, throttle_registrations=3) as app, client_of(app) as client:
        statuses = [
            (await register(client, email)).status_code
            for email in ("a@example.com", "a@example.com", "b@example.com")
        ]
        assert statuses == [201, 409, 201]
        assert 590 <= refused(await register(client, "c@example.com"), "registration") <= 600
        assert (await login(client, ADA | {"email": "b@example.com"})).status_code == 200


async def test_forms_that_are_not_valid_do_not_count_as_registrations(settings: Settings) -> None:
    async with limited(settings, throttle_registrations=1) as app, client_of(app) as client:
        for _ in range(3):
            assert (await register(client, "no address")).status_code == 422
        assert (await register(client, "a@example.com")).status_code == 201


async def test_a_megabyte_is_refused_before_any_work(settings: Settings) -> None:
    async with limited(settings) as app, client_of(app) as client:
        for _ in range(30):
            form = WRONG | {"password": "x" * 1_000_000}
            assert (await login(client, form)).status_code == 422
        assert (await login(client, WRONG)).status_code == 401


async def test_refusals_are_counted_for_the_operator(settings: Settings) -> None:
    few = {"throttle_address_failures": 1}
    async with limited(settings, **few) as app, client_of(app) as client:
        for _ in range(3):
            await login(client, WRONG)
        metrics = (await client.get("/metrics")).text
        assert 'throttle_refusals_total{policy="address"} 2.0' in metrics


async def test_known_and_unknown_cannot_be_told_apart(settings: Settings) -> None:
    async with limited(settings) as app, client_of(app) as client:
        assert (await register(client, ADA["email"])).status_code == 201
        known = await login(client, WRONG)
        unknown = await login(client, WRONG | {"email": "nobody@example.com"})
    assert known.status_code == unknown.status_code == 401
    for answer in (known, unknown):
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert {k: v for k, v in known.json().items() if k != "request_id"} == {
        k: v for k, v in unknown.json().items() if k != "request_id"
    }
    assert list(known.headers) == list(unknown.headers)


async def test_the_limit_on_registrations_is_high_in_development_only(settings: Settings) -> None:
    assert settings.registrations_per_address == 10_000
    https = settings.model_copy(update={"public_origin": "https://example.com"})
    assert https.registrations_per_address == 100
    own = https.model_copy(update={"throttle_registrations": 7})
    assert own.registrations_per_address == 7
