"""When a key is published, due and dead, at the edge and just past it."""

from datetime import UTC, datetime, timedelta

import pytest

from auth_service.keys import deadlines
from auth_service.keys.models import Snapshot, State, StoredKey
from auth_service.sessions import rules

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MONTH = timedelta(days=30)


def key(
    state: State,
    *,
    kid: str = "kid",
    created: timedelta = MONTH,
    activated: timedelta = MONTH,
    retired: timedelta | None = None,
) -> StoredKey:
    """The durations are ages at NOW."""
    retire_at = None if retired is None else NOW - retired
    return StoredKey(kid, "RS256", {}, b"", state, NOW - created, NOW - activated, retire_at)


def test_a_retired_key_is_published_until_its_last_token_is_dead() -> None:
    last = timedelta(minutes=10) - timedelta(microseconds=1)
    assert deadlines.is_published(key("retired", retired=last), NOW)
    assert not deadlines.is_published(key("retired", retired=last * 1.01), NOW)
    longest = rules.MAX_ACCESS_SECONDS + rules.LEEWAY_SECONDS + rules.MAX_AHEAD_SECONDS
    assert timedelta(seconds=longest + 120) < deadlines.LINGER


def test_it_verifies_refresh_tokens_for_as_long_as_these_live() -> None:
    last = timedelta(days=14, minutes=10) - timedelta(microseconds=1)
    assert not deadlines.is_dead(key("retired", retired=last), NOW)
    assert deadlines.is_dead(key("retired", retired=last + SECOND), NOW)
    longest = timedelta(seconds=rules.IDLE_SECONDS + rules.LEEWAY_SECONDS)
    assert longest < deadlines.REFRESHABLE


@pytest.mark.parametrize("state", ["next", "current"])
def test_the_others_are_published_and_never_dead(state: State) -> None:
    old = key(state, created=timedelta(days=999), activated=timedelta(days=999))
    assert deadlines.is_published(old, NOW)
    assert not deadlines.is_dead(old, NOW)


def test_at_most_sixteen_are_published_the_newest() -> None:
    retired = [
        key("retired", kid=f"old-{age:02}", created=age * SECOND, retired=age * SECOND)
        for age in range(1, 40)
    ]
    current = key("current", kid="current", created=timedelta())
    following = key("next", kid="next", created=-SECOND)
    found = deadlines.published([*reversed(retired), current, following], NOW)
    expected = ["next", "current", *(f"old-{age:02}" for age in range(1, 15))]
    assert [each.kid for each in found] == expected
    assert len(found) == 16


@pytest.mark.parametrize(
    ("age", "published", "due"),
    [
        (MONTH, timedelta(), "due"),
        (MONTH - SECOND, timedelta(), ""),
        (MONTH, -SECOND, ""),
        (MONTH * 2, -SECOND, ""),
        (MONTH * 2, SECOND, "due"),
    ],
)
def test_a_rotation_is_due_when_the_one_is_old_and_the_other_known(
    age: timedelta, published: timedelta, due: str
) -> None:
    keys = [key("current", activated=age), key("next", kid="next", activated=published)]
    assert deadlines.rotation_is_due(Snapshot(NOW, keys), MONTH) is bool(due)


def test_without_a_successor_there_is_no_rotation() -> None:
    assert not deadlines.rotation_is_due(Snapshot(NOW, [key("current")]), MONTH)
    assert not deadlines.rotation_is_due(Snapshot(NOW, [key("next")]), MONTH)
    assert deadlines.seconds_to_use(Snapshot(NOW, [])) == 15
