import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from expenses_service.errors import ValidationFailed
from expenses_service.etag import FIELD_PATTERN, if_match, not_modified, opaque_etag, precondition


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


@given(st.from_regex(FIELD_PATTERN, fullmatch=True))
def test_what_the_specification_tells_of_if_match_is_understood(field: str) -> None:
    tags = if_match(request(("if-match", field.rstrip("\n"))))
    assert (tags is None) is (field == "*")


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


@pytest.mark.parametrize(
    ("fields", "of_nothing", "of_a"),
    [
        ((), True, True),
        ((("if-match", '"a"'),), False, True),
        ((("if-match", '"b"'),), False, False),
        ((("if-match", 'W/"a"'),), False, False),
        ((("if-match", "*"),), False, True),
        ((("if-match", '"b"'), ("if-match", '"a"')), False, True),
        ((("if-none-match", "*"),), True, False),
        ((("if-none-match", 'W/"a"'),), True, False),
        ((("if-none-match", '"b"'),), True, True),
        ((("if-match", '"a"'), ("if-none-match", '"a"')), False, False),
    ],
)
def test_preconditions_of_what_may_not_be_there(
    fields: tuple[tuple[str, str], ...], *, of_nothing: bool, of_a: bool
) -> None:
    holds = precondition(request(*fields))
    assert (holds(None), holds('"a"')) == (of_nothing, of_a)
