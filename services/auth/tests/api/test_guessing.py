"""Who guesses has to wait; who knows the password, or the device, does not."""

import asyncio
import threading

import asyncpg
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy.event import listen

from auth_service.accounts.argon2id import Argon2id
from auth_service.settings import Settings
from tests.actors import AUTH, client_of, register, sign_in
from tests.guesses import (
    ADA,
    WRONG,
    client_at,
    clocked,
    limited,
    login,
    refused,
    throttle_keys,
)


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


async def test_what_was_never_compared_is_no_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*_: object) -> bool:
        raise MemoryError

    async with limited(settings, throttle_address_failures=3) as app, client_of(app) as client:
        assert (await register(client, ADA["email"])).status_code == 201
        with monkeypatch.context() as patched:
            patched.setattr(Argon2id, "verify", without_memory)
            for form in [ADA] * 5 + [WRONG] * 5:
                answer = await login(client, form)
                assert (answer.status_code, answer.json()["code"]) == (503, "busy")
                assert answer.headers["retry-after"] == "1"
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
    few = {"throttle_address_failures": 1, "password_threads": 1, "password_waiting": 3}
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
        run = app.state.resources.passwords.run
        at_work = [asyncio.create_task(run(gate.wait)) for _ in range(2)]  # one of them is at hand
        in_line = [asyncio.create_task(login(client, form))]
        try:
            await room_left(app, 1)
            refused(await login(blocked, form), "address")
            in_line.append(asyncio.create_task(login(client, form)))
            await room_left(app, 0)
            assert (await login(client, form)).json()["code"] == "busy"
            refused(await login(blocked, form), "address")  # the line has room for others
            assert await throttle_keys(redis) == before
        finally:
            gate.set()
        told = [answer.status_code for answer in await asyncio.gather(*in_line)]
        assert sorted(told) == [401, 429]
        refused(await login(client, form), "address")
        await asyncio.gather(*at_work)


async def room_left(app: FastAPI, places: int) -> None:
    for _ in range(1000):
        if app.state.resources.passwords.room == places:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(places)


async def test_one_address_does_not_hold_the_line_against_the_others(settings: Settings) -> None:
    """With a password that is right no limit stops it, and the line is as long as it is."""
    gate = threading.Event()
    async with (
        limited(settings, password_threads=1, password_waiting=5) as app,
        client_at(app, "192.0.2.1") as crowd,
        client_at(app, "192.0.2.2") as other,
    ):
        assert (await register(crowd, ADA["email"])).status_code == 201
        run = app.state.resources.passwords.run
        at_work = [asyncio.create_task(run(gate.wait)) for _ in range(2)]
        in_line = [asyncio.create_task(login(crowd, ADA)) for _ in range(4)]
        try:
            await room_left(app, 0)
            assert (await login(crowd, ADA)).json()["code"] == "busy"
            theirs = asyncio.create_task(login(other, ADA))
            given_up, _ = await asyncio.wait(in_line, return_when=asyncio.FIRST_COMPLETED)
            assert [task.result().json()["code"] for task in given_up] == ["busy"]
        finally:
            gate.set()
        assert (await theirs).status_code == 200
        statuses = [answer.status_code for answer in await asyncio.gather(*in_line)]
        assert sorted(statuses) == [200, 200, 200, 503]
        await asyncio.gather(*at_work)


@pytest.mark.parametrize("path", ["login", "register"])
async def test_a_full_line_costs_no_query(
    settings: Settings, redis_url: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood that is refused must be cheap: neither Postgres nor Redis is asked for it."""
    gate = threading.Event()
    asked: list[str] = []
    fetch = asyncpg.Connection.fetch

    async def noted(self: asyncpg.Connection, query: str, *values: object) -> object:
        asked.append(query)
        return await fetch(self, query, *values)

    monkeypatch.setattr(asyncpg.Connection, "fetch", noted)
    async with (
        limited(settings, password_threads=1, password_waiting=0) as app,
        client_of(app) as client,
        Redis.from_url(redis_url) as redis,
    ):
        engine = app.state.resources.database.engine.sync_engine
        listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        assert (await client.post(f"{AUTH}/{path}", json=WRONG)).status_code in {401, 201}
        assert any("users" in statement for statement in asked)
        asked.clear()
        before = await redis.info("commandstats")
        assert "cmdstat_evalsha" in before
        at_work = asyncio.create_task(app.state.resources.passwords.run(gate.wait))
        await room_left(app, 0)
        try:
            for form in (WRONG, ADA, {}):  # not even the form is looked at
                answer = await client.post(f"{AUTH}/{path}", json=form)
                assert (answer.status_code, answer.json()["code"]) == (503, "busy")
                assert answer.headers["retry-after"] == "1"
        finally:
            gate.set()
        await at_work
        after = await redis.info("commandstats")
        assert after["cmdstat_evalsha"]["calls"] == before["cmdstat_evalsha"]["calls"]
        assert not any("users" in statement for statement in asked)


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
        for secret in ("ada@", "example", "127.0.0.1", device, device.split(".")[0]):
            assert secret.encode() not in said
    await redis.aclose()


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
