"""A value that is not what was stored is nothing, whatever it is."""

from hypothesis import given
from hypothesis import strategies as st

from expenses_service.cache.rules import entity_tag, pack, unpack
from tests.tokens import user_id

ETAG = entity_tag(user_id(1), 1, "expenses?limit=50")
BODIES = st.binary(max_size=200)


@given(BODIES)
def test_what_was_stored_is_found(body: bytes) -> None:
    assert unpack(ETAG, pack(ETAG, body)) == body


@given(BODIES)
def test_what_is_cut_short_or_goes_on_is_not(body: bytes) -> None:
    value = pack(ETAG, body)
    for length in range(len(value)):
        assert unpack(ETAG, value[:length]) is None
    assert unpack(ETAG, value + b"x") is None
    assert unpack(ETAG, value + value) is None


@given(BODIES, st.data())
def test_what_begins_in_another_way_is_not(body: bytes, data: st.DataObject) -> None:
    value = bytearray(pack(ETAG, body))
    place = data.draw(st.integers(0, len(value) - len(body) - 1))
    value[place] ^= data.draw(st.integers(1, 255))
    assert unpack(ETAG, bytes(value)) is None


@given(BODIES, BODIES)
def test_what_others_store_is_not(body: bytes, foreign: bytes) -> None:
    assert unpack(ETAG, foreign) is None
    assert unpack(ETAG, ETAG.encode() + b"\n" + body) is None  # as the first release stored it
    assert unpack(ETAG, pack(entity_tag(user_id(2), 1, "expenses?limit=50"), body)) is None
