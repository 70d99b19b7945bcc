"""The edges of what a revocation list may say; the rest is shown with a real server."""

from typing import Any
from uuid import UUID

import pytest

from expenses_service.revocations.errors import ListNotTaken, Reason
from expenses_service.revocations.models import RevocationList
from expenses_service.revocations.rules import read_list, require_newer
from tests.tokens import ISSUER, user_id

NOW = 1_800_000_000
SESSION = UUID("5f0c6e4e-7a4b-4b8e-9c39-0d2a2c1f0b11")


def claims(**changes: object) -> dict[str, Any]:
    return {"iss": ISSUER, "iat": NOW, "sids": [], "min_ver": {}} | changes


def read(**changes: object) -> RevocationList:
    return read_list(claims(**changes), ISSUER, NOW)


def made(issued_at: int) -> RevocationList:
    return RevocationList(issued_at, frozenset(), {})


def test_sessions_and_versions_are_found_by_their_ids() -> None:
    held = read(sids=[str(SESSION)], min_ver={str(user_id()): 5})
    assert held.has(user_id(2), SESSION, 1)
    assert held.has(user_id(), UUID(int=1), 4)
    assert not held.has(user_id(), UUID(int=1), 5)
    assert not held.has(user_id(2), UUID(int=1), 1)


def test_members_that_nobody_knows_are_ignored() -> None:
    assert read(more=True).issued_at == NOW


def test_one_wrong_entry_among_good_ones_refuses_all() -> None:
    with pytest.raises(ListNotTaken):
        read(sids=[str(SESSION), str(SESSION)[:-1]])


@pytest.mark.parametrize(("ahead", "taken"), [(90, True), (91, False), (-(10**6), True)])
def test_it_may_be_made_ninety_seconds_ahead(ahead: int, *, taken: bool) -> None:
    if taken:
        assert read(iat=NOW + ahead).issued_at == NOW + ahead
        return
    with pytest.raises(ListNotTaken) as refused:
        read(iat=NOW + ahead)
    assert refused.value.reason == Reason.FUTURE


@pytest.mark.parametrize("held", [None, made(NOW - 1), made(NOW)])
def test_a_newer_one_or_one_of_the_same_second_takes_its_place(held: RevocationList | None) -> None:
    require_newer(made(NOW), held, NOW)


@pytest.mark.parametrize("ahead", [1, 90])
def test_an_older_one_does_not(ahead: int) -> None:
    with pytest.raises(ListNotTaken) as refused:
        require_newer(made(NOW), made(NOW + ahead), NOW)
    assert refused.value.reason == Reason.OLDER


def test_a_clock_that_is_put_right_does_not_lock_newer_lists_out() -> None:
    require_newer(made(NOW), made(NOW + 91), NOW)
