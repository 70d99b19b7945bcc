"""Who guesses has to wait; who knows the password, or the device, does not."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from auth_service.accounts import administration
from auth_service.sessions.repository import connect
from auth_service.settings import Settings
from auth_service.throttles.repository import ThrottleStore
from auth_service.throttles.service import Throttle
from tests import postgres as servers
from tests.actors import AUTH, BASE_URL, PASSWORD, client_of, register, sign_in, started
from tests.declared import DeclaredTransport

ADA = {"email": "ada@example.com", "password": PASSWORD}
WRONG = ADA | {"password": "not the right one"}


@asynccontextmanager
async def limited(settings: Settings, **limits: int) -> AsyncIterator[FastAPI]:
    """The service with the limits of production, but for those given."""
    standard = {"throttle_address_failures": 20, "throttle_account_failures": 5}
    own = settings.model_copy(update=standard | limits)
    async with started(own) as app:
        yield app


class Clock:
    """Stands still until a test moves it."""

    seconds = 1_800_000_000.0

    def __call__(self) -> int:
        return int(self.seconds * 1000)


@asynccontextmanager
async def clocked(app: FastAPI) -> AsyncIterator[Clock]:
    """The limits of `app`, from now on by a clock of the test's own."""
    given = app.state.resources
    settings, clock = given.settings, Clock()
    redis = connect(settings.redis_url, settings.redis_password())
    store = ThrottleStore(redis, clock)
    throttle = Throttle(store, given.devices, settings, settings.key_encryption_key())
    app.state.resources = replace(given, throttle=throttle)
    yield clock
    await redis.aclose()


def client_at(app: FastAPI, address: str) -> httpx.AsyncClient:
    """A client whose connection comes from `address`."""
    transport = DeclaredTransport(app, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


async def throttle_keys(redis: "Redis") -> list[str]:
    return sorted([key async for key in redis.scan_iter("throttle:*")])


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
    async with limited(settings) as app, client_of(app) as client, clocked(app) as clock:
        forms = iter([WRONG | {"email": f"person-{number}@example.com"} for number in range(50)])
        for _ in range(20):
            assert (await login(client, next(forms))).status_code == 401
            clock.seconds += 10
        assert refused(await login(client, next(forms)), "address") == 400
        clock.seconds += 399.999
        assert refused(await login(client, next(forms)), "address") == 1
        clock.seconds += 0.001
        assert (await login(client, next(forms))).status_code == 401
        assert refused(await login(client, next(forms)), "address") == 10


@pytest.mark.parametrize("exists", [True, False])
async def test_an_account_is_guessed_at_slower_and_slower_and_never_locked(
    settings: Settings,
    exists: bool,  # noqa: FBT001
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


async def test_one_customer_of_ipv6_is_one_address(settings: Settings) -> None:
    async with limited(settings, throttle_address_failures=2) as app:
        neighbours = ("2001:db8:0:7::1", "2001:db8:0:7:ffff::2", "2001:db8:0:7::3")
        mapped = ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201")
        for addresses, other in ((neighbours, "2001:db8:0:8::1"), (mapped, "192.0.2.2")):
            for number, address in enumerate((*addresses, other)):
                form = WRONG | {"email": f"{address.replace(':', '-')}@example.com"}
                async with client_at(app, address) as client:
                    expected = 429 if number == 2 else 401
                    assert (await login(client, form)).status_code == expected, address


async def test_who_waits_for_a_turn_is_not_counted_yet(settings: Settings, redis_url: str) -> None:
    """Blocked clients take no place in the line, and those in it are counted when they try."""
    few = {"throttle_address_failures": 1, "password_threads": 1, "password_waiting": 1}
    form = WRONG | {"email": "bob@example.com"}
    gate = threading.Event()
    async with (
        limited(settings, **few) as app,
        client_at(app, "192.0.2.1") as blocked,
        client_at(app, "192.0.2.2") as client,
        Redis.from_url(redis_url, decode_responses=True) as redis,
    ):
        assert (await login(blocked, WRONG)).status_code == 401
        before = await throttle_keys(redis)
        at_work = asyncio.create_task(app.state.resources.passwords.run(gate.wait))
        in_line = asyncio.create_task(login(client, form))
        await asyncio.sleep(0.1)
        try:
            assert (await login(client, form)).json()["code"] == "busy"
            refused(await login(blocked, form), "address")
            assert await throttle_keys(redis) == before
        finally:
            gate.set()
        assert (await in_line).status_code == 401
        refused(await login(client, form), "address")
        await at_work


async def test_redis_is_not_told_who_or_from_where(settings: Settings, redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    async with limited(settings) as app, client_of(app) as client:
        await sign_in(client, ADA["email"])
        device = next(c.value or "" for c in client.cookies.jar if c.name == "ea_device")
        await login(client, WRONG)
        client.cookies.clear()
        await login(client, WRONG)
        said = b""
        policies = set()
        async for key in redis.scan_iter("throttle:*"):
            policies.add(key.split(b":")[1])
            said += key + (await redis.dump(key) or b"")
            assert 0 < await redis.pttl(key) <= 3_600_000
        assert policies == {b"address", b"account", b"device", b"registration"}
        for secret in ("ada", "example", "127.0.0.1", device, device.split(".")[0]):
            assert secret.encode() not in said
    await redis.aclose()


async def test_a_disabled_account_does_not_tell_the_right_password(
    settings: Settings, urls: dict[str, str]
) -> None:
    async with limited(settings) as app, client_of(app) as client:
        assert (await register(client, ADA["email"])).status_code == 201
        await servers.execute(urls["owner"], "UPDATE users SET disabled_at = now()")
        for _ in range(5):
            assert (await login(client, ADA)).status_code == 401
        refused(await login(client, ADA), "account")


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
