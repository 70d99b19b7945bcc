"""When a key is published, verifies, is due to be replaced, and is forgotten.

next ──────────► current ──────────► retired ──────────► deleted
15 s published   30 days             10 min published
before use                           14 days and 10 min for refresh tokens
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from auth_service.keys.models import Snapshot, StoredKey

# Readers ask again for a key that they do not know once in ten seconds, whatever they are sent.
PUBLISH: Final = timedelta(seconds=15)
# An access token lives 330 s at most; then leeway, clocks, and replicas that learn of it late.
LINGER: Final = timedelta(minutes=10)
# A refresh token that was signed last may be used for 14 days.
REFRESHABLE: Final = timedelta(days=14) + LINGER
MAX_PUBLISHED: Final = 16  # readers refuse a larger set (infra/contracts/key-set.md)


def leaves_at(retire_at: datetime) -> datetime:
    """When a key that stopped signing leaves the key set."""
    return retire_at + LINGER


def is_published(key: StoredKey, now: datetime) -> bool:
    """Whether a token of any kind that it signed may still be alive, or will be."""
    return key.retire_at is None or now < leaves_at(key.retire_at)


def published(keys: Sequence[StoredKey], now: datetime) -> Sequence[StoredKey]:
    """The key set, newest first; when there are too many, the oldest are left out."""
    alive = [key for key in keys if is_published(key, now)]
    return sorted(alive, key=lambda key: (key.created_at, key.kid), reverse=True)[:MAX_PUBLISHED]


def is_dead(key: StoredKey, now: datetime) -> bool:
    """Whether nothing that it signed is good any more."""
    return key.retire_at is not None and now >= key.retire_at + REFRESHABLE


def seconds_to_use(snapshot: Snapshot) -> float:
    """How long the next key must still be published before it signs; 0 when it may."""
    if snapshot.next is None:
        return PUBLISH.total_seconds()
    return max(0.0, (snapshot.next.activate_at - snapshot.now).total_seconds())


def seconds_to_rotation(current: StoredKey, now: datetime, lifetime: timedelta) -> float:
    """Until its time is over; negative when it was over some time ago."""
    return (current.activate_at + lifetime - now).total_seconds()


def rotation_is_due(snapshot: Snapshot, lifetime: timedelta) -> bool:
    """Whether the current key is old enough, and its successor known to every reader."""
    current = snapshot.current
    if current is None or seconds_to_use(snapshot) > 0:
        return False
    return seconds_to_rotation(current, snapshot.now, lifetime) <= 0
