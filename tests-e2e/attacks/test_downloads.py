"""Files that somebody asks for and does not read."""

from contextlib import ExitStack
from functools import partial

import httpx

from actors import AUTH, EXPENSES, LUNCH, Person, eventually, problem

EXPORT = f"{EXPENSES}/export?format=csv"
AT_ONCE = 40
ROWS, NOTES = 2000, "🥨" * 2000  # 16 MB


def unread(asked: ExitStack, client: httpx.Client) -> httpx.Response:
    """The head of the answer; its body waits as long as `asked` is open."""
    return asked.enter_context(client.stream("GET", EXPORT))


def test_exports_that_nobody_reads(base_url: str, ada: Person) -> None:
    mallory = Person.signed_in(base_url)
    row = f"1.00,EUR,Pretzels,{NOTES}\n"
    file = f"amount,currency,description,notes\n{row * ROWS}".encode()
    imported = mallory.client.post(f"{EXPENSES}/import", content=file, headers={"Content-Type": "text/csv"})
    assert imported.json()["created"] == ROWS
    with ExitStack() as asked:
        answers = [unread(asked, mallory.client) for _ in range(AT_ONCE)]
        begun = [answer for answer in answers if answer.status_code == 200]
        assert begun  # how many more depends on what sockets on the way hold
        for refused in set(answers) - set(begun):
            refused.read()
            problem(refused, 503, "unavailable")
            assert int(refused.headers["retry-after"]) > 0
        for _ in range(10):
            others = (
                ada.client.get(EXPENSES, params={"q": "pretzels"}),
                ada.client.post(EXPENSES, json=LUNCH),
                ada.client.get(EXPORT),
                ada.client.get(f"{AUTH}/me"),
            )
            assert [answer.status_code for answer in others] == [200, 201, 200, 200]
    again = partial(mallory.client.get, EXPORT)
    eventually(lambda: again().text.count("Pretzels") == ROWS)
