"""What day it is for a principal."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from expenses_service.authentication.models import Principal
from tests.tokens import user_id

LATE = datetime(2026, 5, 1, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", date(2026, 5, 1)),
        ("Europe/Berlin", date(2026, 5, 2)),
        ("America/New_York", date(2026, 5, 1)),
        ("Pacific/Kiritimati", date(2026, 5, 2)),
        ("Mars/Olympus", date(2026, 5, 1)),
        ("../../etc/passwd", date(2026, 5, 1)),
        ("America", date(2026, 5, 1)),
        ("\0", date(2026, 5, 1)),
    ],
)
def test_today_where_the_user_is(zone: str, day: date) -> None:
    scopes = frozenset({"expenses:read"})
    principal = Principal(user_id(), uuid4(), scopes, "web", zone, 1, 0)
    assert principal.today(LATE) == day
