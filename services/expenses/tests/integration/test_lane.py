"""The lane answers as the route would: two applications on one database, one of them without it.

That one has no straight way to its routes either (`straight.py`).

Steps at random, of one user: requests with all kinds of credentials, conditions, parameters and
paths, with writes, revocations and a clock between them. Each request goes to both; status,
headers, body, and what the log and the metrics are told have to be the same.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis

from tests.asked import CONDITIONS, CREDENTIALS, METHODS, TARGETS, Ask, Do, scripts
from tests.both import Both, person
from tests.expense_calls import PATH
from tests.raw_calls import called, counted
from tests.tokens import SigningKey


@hypothesis(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=scripts())
async def test_lane_and_route_answer_alike(
    both: Both, signing_key: SigningKey, steps: list[Ask | Do]
) -> None:
    someone = await person(both, signing_key)
    before = counted(both.fast), counted(both.plain)
    for step in steps:
        await (someone.ask(step) if isinstance(step, Ask) else someone.do(step))
    assert counted(both.fast) - before[0] == counted(both.plain) - before[1]


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize(
    ("target", "known_still"),
    [(PATH, False), (f"{PATH}/{{mine}}", True), (f"{PATH}/summary?group_by=kind", False)],
)
async def test_the_second_answer_comes_from_the_lane(
    both: Both, signing_key: SigningKey, target: str, *, known_still: bool, ahead: bool
) -> None:
    someone = await person(both, signing_key)
    first = Ask("GET", target, CREDENTIALS[0], (), ahead)
    again = replace(first, credentials=CREDENTIALS[1])
    known = replace(again, conditions=("W/{etag}",))
    for ask in (first, again, known, again):
        await someone.ask(ask)
    assert both.answered == 3
    assert len(both.seen) == 1
    await someone.do(Do("write"))
    for ask in (known, again, again):
        await someone.ask(ask)
    assert both.answered == 5 - known_still  # after a 304 the bytes have to be got


@pytest.mark.parametrize("ahead", [True, False])
async def test_every_kind_of_request_for_a_kept_answer(
    both: Both, signing_key: SigningKey, *, ahead: bool
) -> None:
    """Each twice, so that also what is remembered of it meets what is kept."""
    someone = await person(both, signing_key)
    for target in TARGETS:
        plain = Ask("GET", target, CREDENTIALS[0], (), ahead)
        for ask in (plain, plain, replace(plain, credentials=CREDENTIALS[1])):
            await someone.ask(ask)
    kept = Ask("GET", PATH, CREDENTIALS[0], (), ahead)
    for ask in (
        *(replace(kept, credentials=each) for each in CREDENTIALS),
        *(replace(kept, conditions=each) for each in CONDITIONS),
        *(replace(kept, method=each) for each in sorted(set(METHODS))),
    ):
        for again in (ask, ask, kept):
            await someone.ask(again)


async def test_what_is_known_by_tag_alone_is_known_again(
    both: Both, signing_key: SigningKey
) -> None:
    someone = await person(both, signing_key)
    await called(both.plain, "GET", PATH, someone.fields(CREDENTIALS[0], ""))
    someone.etags[PATH] = dict(
        (await called(both.plain, "GET", PATH, someone.fields(CREDENTIALS[0], "")))["headers"]
    )[b"etag"].decode()
    known = Ask("GET", PATH, CREDENTIALS[0], ("{etag}",))
    for ask in (known, known):
        await someone.ask(ask)
    assert both.answered == 1
    await someone.ask(replace(known, conditions=('"x"',)))  # wants the bytes, which nobody kept
    assert len(both.seen) == 2
    for ask in (replace(known, conditions=()), known):
        await someone.ask(ask)
    assert both.answered == 3


async def test_what_ends_a_token_ends_it_here(both: Both, signing_key: SigningKey) -> None:
    someone = await person(both, signing_key)
    ask = Ask("GET", PATH, CREDENTIALS[0], ())
    for end, mend in (("revoke", "allow"), ("later", "now")):
        await someone.ask(ask)
        await someone.ask(ask)
        answered = both.answered
        await someone.do(Do(end))
        await someone.ask(ask)
        assert both.answered == answered > 0
        await someone.do(Do(mend))
