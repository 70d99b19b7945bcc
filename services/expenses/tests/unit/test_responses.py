from fastapi import Response

from expenses_service.responses import Ready, encoded

HEADERS = {"Cache-Control": "private, no-cache", "ETag": '"1"'}


def test_what_is_ready_is_what_the_framework_would_make() -> None:
    made = Response(b'{"a":1}', 201, HEADERS, media_type="application/json")
    ready = Ready(201, encoded(HEADERS), b'{"a":1}')
    assert (ready.status_code, ready.body) == (made.status_code, made.body)
    assert sorted(ready.raw_headers) == sorted(made.raw_headers)
    ready.headers["Link"] = "</next>"
    assert (b"link", b"</next>") in ready.raw_headers
