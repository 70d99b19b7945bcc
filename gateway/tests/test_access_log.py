"""One JSON line a request, with what an operator needs and no secret."""

import json

from conftest import Stack
from processes import wait_until


def test_a_line_has_the_route_and_the_request_id_and_no_secret(stack: Stack) -> None:
    headers = {
        "X-Request-ID": "log-line-1",
        "Cookie": "ea_access=planted-cookie",
        "Authorization": "Bearer planted-token",
        "User-Agent": "planted-agent",
        "Referer": "http://x/planted-referer",
    }
    url = "/api/v1/expenses/cookies?q=planted-query&cursor=planted-cursor"
    stack.client.post(url, headers=headers, content=b"planted-body")
    wait_until(lambda: '"log-line-1"' in stack.gateway.log(), what="logged")
    line = next(line for line in stack.gateway.log().splitlines() if '"log-line-1"' in line)
    fields = json.loads(line)
    assert fields["RequestMethod"] == "POST"
    assert fields["RequestPath"] == "/api/v1/expenses/cookies"
    assert fields["RouterName"] == "public@file -> expenses-writes@file"
    assert fields["DownstreamStatus"] == 200
    assert fields["ClientHost"] == "127.0.0.1"
    assert "planted" not in stack.gateway.log()


def test_a_made_request_id_is_in_the_line(stack: Stack) -> None:
    stack.client.get("/api/v1/auth/own-503")
    wait_until(lambda: '"downstream_X-Request-Id":"made-by-auth"' in stack.gateway.log(), what="logged")


def test_a_line_break_in_a_path_stays_one_line(stack: Stack) -> None:
    stack.client.get("/api/v1/expenses/x%0d%0aforged:%20line", headers={"X-Request-ID": "log-line-2"})
    wait_until(lambda: '"log-line-2"' in stack.gateway.log(), what="logged")
    assert all(json.loads(line) for line in stack.gateway.log().splitlines())
