"""Refuses who guesses: by address and by account, with known devices apart (SECURITY.md)."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from auth_service.devices import Devices
from auth_service.settings import Settings
from auth_service.throttles import rules
from auth_service.throttles.errors import TooManyAttempts
from auth_service.throttles.models import Bucket, Kind, Refusal, Ticket, Visitor
from auth_service.throttles.repository import ThrottleStore


class Throttle:
    """Only failures count; what is counted forgets by itself, and nothing is ever locked.

    Every method that asks Redis raises SessionsUnavailable: without counts nobody may guess.
    """

    def __init__(
        self, store: ThrottleStore, devices: Devices, settings: Settings, secret: bytes
    ) -> None:
        self._store = store
        self._devices = devices
        self._settings = settings
        self._key = rules.derive_key(secret)
        self.refusals: Counter[str] = Counter()

    def buckets(self, visitor: Visitor, account: str, user_id: UUID) -> Sequence[Bucket]:
        """Where a wrong password for `account` counts; `user_id` is of nobody when there is none.

        A device that signed in to the account before has a bucket of its own, so that a stranger
        cannot lock its owner out.
        """
        if visitor.device is not None and self._devices.is_known(visitor.device, user_id):
            return [self._delay("device", visitor.device)]
        most = self._settings.throttle_address_failures
        return [self._window("address", visitor.network, most), self._delay("account", account)]

    async def check(self, buckets: Sequence[Bucket]) -> None:
        """Raises TooManyAttempts; counts nothing."""
        self._refuse(await self._store.ask(buckets))

    async def take(self, buckets: Sequence[Bucket]) -> Ticket:
        """Count an attempt as failed until it is given back. Raises TooManyAttempts."""
        taken = await self._store.take(buckets)
        if isinstance(taken, Ticket):
            return taken
        raise self._refusal(taken)

    async def give_back(self, ticket: Ticket) -> None:
        """The password was right."""
        await self._store.give_back(ticket)

    async def register(self, visitor: Visitor) -> None:
        """Count a new account of this address, made or not. Raises TooManyAttempts."""
        most = self._settings.registrations_per_address
        await self.take([self._window("registration", visitor.network, most)])

    def _window(self, policy: str, subject: str, most: int) -> Bucket:
        key = rules.name(self._key, policy, subject)
        return Bucket(policy, Kind.WINDOW, key, most, self._settings.throttle_window_seconds)

    def _delay(self, policy: str, subject: str) -> Bucket:
        key = rules.name(self._key, policy, subject)
        most = self._settings.throttle_account_failures
        return Bucket(policy, Kind.DELAY, key, most, self._settings.throttle_longest_delay_seconds)

    def _refuse(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            raise self._refusal(refusal)

    def _refusal(self, refusal: Refusal) -> TooManyAttempts:
        self.refusals[refusal.bucket.policy] += 1
        wait = max(1, -(-refusal.wait_ms // 1000))
        return TooManyAttempts(
            cause=f"throttle {refusal.bucket.policy}",
            retry_after=wait,
            rate_limit=rules.rate_limit(refusal.bucket, wait),
        )
