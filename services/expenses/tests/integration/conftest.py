from collections.abc import AsyncIterator, Iterator

import pytest

from expenses_service.cache.service import ReplyCache, open_replies
from tests.replies import Truth
from tests.valkey import Valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def cache(valkey: Valkey) -> AsyncIterator[ReplyCache]:
    opened = open_replies(valkey.url, None)
    yield opened
    await opened.close()


@pytest.fixture
def truth() -> Truth:
    return Truth()
