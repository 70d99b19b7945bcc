"""The service as a process, a Valkey of its own, and what an operator and time do to them."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

from auth_service.accounts import administration
from auth_service.keys.deadlines import PUBLISH
from auth_service.resources import Resources, open_resources
from auth_service.settings import Settings
from tests import keys
from tests.integration.test_process import served
from tests.model.browser import Web
from tests.valkey import Valkey

INTERVAL_SECONDS = 300  # the longest, so that only `time_passes` makes a rotation an old one
SESSIONS = "*session*"  # session:{sid} and user_sessions:{uid}

Result = TypeVar("Result")
Dump = dict[bytes, tuple[bytes, int]]


class Stage:
    """One for all examples: each has users of its own."""

    def __init__(
        self, runner: asyncio.Runner, web: Web, valkey: Valkey, resources: Resources, owner: str
    ) -> None:
        self._runner = runner
        self._valkey = valkey
        self._resources = resources
        self._owner = owner
        self._people = 0
        self.web = web
        self.outcomes: Counter[str] = Counter()  # of refreshes

    def run(self, doing: Coroutine[object, object, Result]) -> Result:
        return self._runner.run(doing)

    def new_email(self, name: str) -> str:
        self._people += 1
        return f"{name}{self._people}@example.com"

    # --- Redis -----------------------------------------------------------------------------------

    def redis_stops(self) -> None:
        """What it held is lost."""
        self._valkey.kill()

    def redis_starts(self) -> None:
        self._valkey.start()

    def forget(self) -> None:
        """The sessions of all examples before."""
        self.restore({})

    def time_passes(self) -> None:
        """Set all sessions back by more than the rotation interval, as if nobody had come since."""
        with self._valkey.client() as redis:
            for key in redis.scan_iter("session:*"):
                if key.endswith(b":replaced"):
                    redis.delete(key)
                else:
                    redis.hincrby(key, "rotated_ms", -1000 * (INTERVAL_SECONDS + 1))

    def dump(self) -> Dump:
        """What Redis would write to disk about sessions."""
        with self._valkey.client() as redis:
            return {
                key: (redis.dump(key), redis.pexpiretime(key)) for key in redis.scan_iter(SESSIONS)
            }

    def restore(self, dump: Dump) -> None:
        """Redis as it comes back when that was the last it wrote."""
        with self._valkey.client() as redis:
            for key in redis.scan_iter(SESSIONS):
                redis.delete(key)
            for key, (value, expires) in dump.items():
                redis.restore(key, expires, value, absttl=True)

    # --- the operator ----------------------------------------------------------------------------

    def current_kid(self) -> str:
        """The key that signs."""
        (kid,) = self.run(keys.kids(self._owner))["current"]
        return kid

    def rotate_keys(self) -> str:
        """The kid that signs from now on, which the service has heard of."""
        return self.run(self._rotate_keys())

    async def _rotate_keys(self) -> str:
        await keys.passes(self._owner, PUBLISH.total_seconds())
        await self._resources.keys.load()
        kid = (await self._resources.keys.rotate()).new_kid
        (following,) = (await keys.kids(self._owner))["next"]
        async with asyncio.timeout(10):
            while following not in await self.web.kids():  # noqa: ASYNC110 - asking makes it look
                await asyncio.sleep(0.1)
        return kid

    def disable(self, email: str) -> None:
        self.run(administration.disable(self._resources, email))

    def enable(self, email: str) -> None:
        self.run(administration.enable(self._resources, email))


@contextmanager
def set_up(settings: Settings, owner_url: str) -> Iterator[Stage]:
    """The service runs, its keys are there, its Redis is empty."""
    with Valkey() as valkey, asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        ours = settings.model_copy(update={"redis_url": valkey.url})
        more = {
            "AUTH_ROTATION_INTERVAL_SECONDS": str(INTERVAL_SECONDS),
            "AUTH_LOG_LEVEL": "error",  # nobody reads the pipe
        }
        with served(ours, **more) as (_, url):
            opened = open_resources(ours)
            web = Web(url)
            resources = runner.run(opened.__aenter__())
            try:
                yield Stage(runner, web, valkey, resources, owner_url)
            finally:
                runner.run(web.close())
                runner.run(opened.__aexit__(None, None, None))
