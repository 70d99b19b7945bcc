"""What is left of a request's time."""

import asyncio

import pytest

from auth_service import deadline


async def test_outside_of_a_request_there_is_none() -> None:
    assert deadline.at_most(60.0) == 60.0


async def test_a_request_gives_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def request() -> None:
        monkeypatch.setattr(deadline, "REQUEST_SECONDS", 0.05)
        deadline.begin()
        assert deadline.at_most(0.01) == 0.01
        assert 0 < deadline.at_most(60.0) <= 0.05
        await asyncio.sleep(0.06)
        assert deadline.at_most(60.0) == 0.0

    await asyncio.create_task(request())
    assert deadline.at_most(60.0) == 60.0
