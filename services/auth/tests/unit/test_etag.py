from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from starlette.requests import Request

from auth_service.accounts.models import User
from auth_service.accounts.service import etag_of
from auth_service.errors import ValidationFailed
from auth_service.etag import if_match, not_modified, opaque_etag


def request(*headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    ("field", "matches"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
    ],
)
def test_if_none_match_compares_weakly(field: str, *, matches: bool) -> None:
    assert not_modified(request(("if-none-match", field)), '"a"') is matches


@pytest.mark.parametrize(
    ("field", "tags"),
    [('"a"', {'"a"'}), ('"a", "b"', {'"a"', '"b"'}), ('W/"a"', set()), ("*", None)],
)
def test_if_match_compares_strongly(field: str, tags: set[str] | None) -> None:
    assert if_match(request(("if-match", field))) == tags


def test_without_if_match_there_is_no_condition() -> None:
    assert if_match(request()) is None


@pytest.mark.parametrize("field", ["3", "", '"a" "b"', '"a",', "x*"])
def test_an_if_match_of_another_form_is_refused(field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        if_match(request(("if-match", field)))
    assert [error.header for error in refused.value.errors] == ["If-Match"]


def test_a_tag_keeps_its_parts_apart() -> None:
    assert opaque_etag("ab", "c") != opaque_etag("a", "bc")
    assert opaque_etag("a", 1) == opaque_etag("a", "1")
    assert opaque_etag("\ud800") != opaque_etag("?")


def test_a_profile_of_the_same_version_with_other_content_has_another_tag() -> None:
    """A restored backup goes on from its own version, so the number comes again."""
    now = datetime.now(UTC)
    ada = User(UUID(int=1), "ada@example.com", None, "UTC", 1, 2, None, None, now)
    others = [
        replace(ada, name="None"),
        replace(ada, time_zone="Europe/Vienna"),
        replace(ada, id=UUID(int=2)),
        replace(ada, version=3),
    ]
    assert len({etag_of(each) for each in (ada, *others)}) == 5
    assert etag_of(replace(ada, ver=2)) == etag_of(ada)
