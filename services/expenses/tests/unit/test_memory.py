import pytest

from expenses_service.cache import memory
from expenses_service.cache.memory import OVERHEAD, Kept, Key, Memory
from tests.tokens import user_id


def key(number: int) -> Key:
    return str(user_id(number)), "/p", b""


def kept(body: bytes | None = b"", version: int = 1) -> Kept:
    return Kept(version, '"t"', (), body, None)


ONE = OVERHEAD + len("/p")


def test_it_holds_what_fits_and_not_one_byte_more() -> None:
    held = Memory(2 * ONE)
    held.keep(key(1), kept())
    held.keep(key(2), kept())
    assert held.size == 2 * ONE
    assert held.get(key(1)) is not None
    held.keep(key(3), kept(b"x"))
    assert [held.get(key(n)) is not None for n in (1, 2, 3)] == [False, False, True]
    assert held.size == ONE + 1


def test_its_fields_count_as_well() -> None:
    """The link to the next page of a long query is longer than the page."""
    held = Memory()
    held.keep(key(1), Kept(1, '"t"', [(b"link", b"x" * 10_000), (b"etag", b'"t"')], b"body", None))
    assert held.size == ONE + len("link") + 10_000 + len('etag"t"') + len("body")


def test_to_ask_whether_it_is_there_is_no_use_of_it() -> None:
    held = Memory(2 * ONE)
    held.keep(key(1), kept())
    held.keep(key(2), kept())
    assert (key(1) in held, key(3) in held) == (True, False)
    held.keep(key(3), kept())
    assert (key(1) in held, key(2) in held) == (False, True)


def test_the_least_used_goes_first() -> None:
    held = Memory(2 * ONE)
    held.keep(key(1), kept())
    held.keep(key(2), kept())
    held.get(key(1))
    held.keep(key(3), kept())
    assert [held.get(key(n)) is not None for n in (1, 2, 3)] == [True, False, True]


def test_a_newer_answer_takes_the_place_of_an_older_one() -> None:
    held = Memory()
    held.keep(key(1), kept(b"old"))
    held.keep(key(1), kept(b"newer", version=2))
    found = held.get(key(1))
    assert (found and found.body, held.size) == (b"newer", ONE + 5)


def test_one_without_a_body_does_not_take_the_place_of_one_with_it() -> None:
    held = Memory()
    held.keep(key(1), kept(b"body"))
    held.keep(key(1), kept(None))
    found = held.get(key(1))
    assert found is not None
    assert found.body == b"body"
    held.keep(key(1), kept(None, version=2))
    found = held.get(key(1))
    assert found is not None
    assert found.body is None


@pytest.mark.parametrize("query", [b"", b"a=b"])
def test_one_that_is_too_large_is_not_kept(query: bytes) -> None:
    held = Memory()
    here = (str(user_id(1)), "/p", query)
    most = memory.MOST_OF_ONE - ONE - len(query)
    held.keep(here, kept(b"x" * most))
    assert held.get(here) is not None
    held.keep(here, kept(b"x" * (most + 1), version=2))
    assert (held.get(here), held.size) == (None, 0)


def test_what_nobody_used_for_an_hour_goes_with_the_next_one() -> None:
    held = Memory()
    for number in (1, 2):
        held.keep(key(number), kept())
    old = held.get(key(1))
    assert old is not None
    held.get(key(2))
    old.used_at -= memory.UNUSED_SECONDS + 1
    held.keep(key(3), kept())
    assert [held.get(key(n)) is not None for n in (1, 2, 3)] == [False, True, True]
