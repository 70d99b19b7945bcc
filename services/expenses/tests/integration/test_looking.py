"""What is done for a request by its head, before it has its turn."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from expenses_service.authentication.service import Authenticator
from expenses_service.cache.memory import Memory
from expenses_service.changes.versions import VersionReader
from expenses_service.lane import SEEN
from expenses_service.resources import Resources
from tests.asked import CREDENTIALS, Ask, Do
from tests.both import Both, person
from tests.expense_calls import PATH
from tests.raw_calls import called, look, scope_of, served
from tests.tokens import SigningKey


async def test_a_version_is_asked_for_when_the_head_has_come(
    both: Both, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, and only if there is something to answer with."""
    someone = await person(both, signing_key)
    asked: list[object] = []
    read = VersionReader.read

    def counting(self: VersionReader, user_id: UUID) -> asyncio.Future[int]:
        asked.append(user_id)
        return read(self, user_id)

    await someone.ask(Ask("GET", PATH, CREDENTIALS[0], ()))
    monkeypatch.setattr(VersionReader, "read", counting)
    fields = someone.fields(CREDENTIALS[0], "")
    for method, target, times in (
        ("GET", PATH, 1),
        ("GET", f"{PATH}?limit=1", 0),
        ("GET", "/api/v1/currencies", 0),
        ("POST", PATH, 0),
    ):
        asked.clear()
        look(both.fast, scope_of(method, target, fields))
        assert asked == [someone.user] * times
    asked.clear()
    await called(both.fast, "GET", PATH, fields, ahead=True)
    assert asked == [someone.user]


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_is_kept_by_its_turn_answers_it(
    both: Both, signing_key: SigningKey, *, is_known: bool
) -> None:
    """Of a crowd that waits for its turn the first one has the answer made, for all of it.

    So it is after a refresh, when a page asks for several things with a token nobody has seen.
    """
    someone = await person(both, signing_key)
    fields = someone.fields(CREDENTIALS[0], "")
    if is_known:
        await called(both.fast, "GET", f"{PATH}?limit=1", fields)
    waiting = scope_of("GET", PATH, fields)
    look(both.fast, waiting)
    assert (waiting[SEEN] is not None) == is_known
    answer = await called(both.fast, "GET", PATH, fields)
    before = len(both.seen)
    assert await served(both.fast, waiting) == answer
    assert len(both.seen) == before


async def test_only_the_version_that_was_confirmed_is_an_answer(
    both: Both, signing_key: SigningKey
) -> None:
    """What was kept since may be of another one."""
    someone = await person(both, signing_key)
    fields = someone.fields(CREDENTIALS[0], "")
    await called(both.fast, "GET", PATH, fields)
    waiting = scope_of("GET", PATH, fields)
    look(both.fast, waiting)
    await waiting[SEEN].version
    await someone.do(Do("write"))
    answer = await called(both.fast, "GET", PATH, fields)
    before = len(both.seen)
    assert await served(both.fast, waiting) == answer
    assert len(both.seen) == before + 1


async def test_an_error_at_the_head_is_told_in_the_task(
    both: Both, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = await person(both, signing_key)
    fields = someone.fields(CREDENTIALS[0], "")

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Authenticator, "recall", fail)
    answer = await called(both.fast, "GET", PATH, fields, ahead=True)
    assert (answer["status"], answer["problem"]) == (500, "internal_error")


async def test_what_is_no_more_kept_by_its_turn_goes_to_the_route(
    both: Both, signing_key: SigningKey
) -> None:
    someone = await person(both, signing_key)
    fields = someone.fields(CREDENTIALS[0], "")
    answer = await called(both.fast, "GET", PATH, fields)
    waiting = scope_of("GET", PATH, fields)
    look(both.fast, waiting)
    assert isinstance(both.fast.state.resources, Resources)
    both.fast.state.resources = replace(both.fast.state.resources, memory=Memory())
    before = len(both.seen)
    assert await served(both.fast, waiting) == answer
    assert len(both.seen) == before + 1
