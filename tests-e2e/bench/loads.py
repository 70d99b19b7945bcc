"""What the load sends: lists, and creations whose expenses are as long as those that were seeded."""

import json
from collections.abc import Sequence
from contextlib import closing

from bench import people
from bench.people import Crowd
from bench.sides import EXPENSES, JSON
from bench.site import Site
from bench.web import Answer, Caller
from bench.wrk import ONCE, Load, Request

WITHOUT_FRACTION = 2 * len(".123456")
"""One instant in a million has none; `created_at` and `updated_at` of a new expense are one instant."""

NEW = {
    "amount": "12.34",
    "currency": "EUR",
    "description": f"Something bought {ONCE}.",
    "merchant": "Corner Market",
    "category": "travel",
    "tags": ["team", "home"],
    "payment_method": "card",
    "notes": "paid together, to be shared",
}


def list_answer(site: Site, cookies: str) -> Answer:
    """The first page of the person who has these cookies, as the service itself sends it."""
    with closing(Caller(site.service.url, {"Cookie": cookies})) as caller:
        return caller.get(EXPENSES)


def lists(cookies: str, answer: Answer) -> Load:
    """The first page again and again."""
    return Load([Request("GET", EXPENSES, {"Cookie": cookies})], {200: [len(answer.body)]})


def creations(site: Site, senders: Sequence[str]) -> Load:
    """New expenses of those who have these cookies, each with an Idempotency-Key.

    How long the answers have to be, one of them shows.
    """
    requests = [creation(cookies) for cookies in senders]
    body = requests[0].body.replace(ONCE, "0" * len(ONCE)).encode()
    with closing(Caller(site.service.url, requests[0].headers)) as caller:
        answer = caller.expect(201, "POST", EXPENSES, body, Idempotency_Key="the-first")
    lengths = [len(answer.body), len(answer.body) - WITHOUT_FRACTION]
    return Load(requests, {201: lengths}, fresh=("number", ""), drawn="at random")


def creation(cookies: str) -> Request:
    """One new expense."""
    headers = {"Cookie": cookies, **JSON, "Idempotency-Key": f"bench-{ONCE}"}
    return Request("POST", EXPENSES, headers, json.dumps(NEW))


def crowd_cookies(cookies: str, crowd: Crowd) -> list[str]:
    """Everybody's, as long as the cookies of the one who signed in."""
    fields = [text for text in cookies.split("; ") if not text.startswith("ea_access=")]
    return ["; ".join([f"ea_access={token}", *fields]) for token in crowd.tokens]


def visits(site: Site, cookies: str) -> Load:
    """Nine lists to one new expense, over a thousand people whose expenses are all of one length."""
    everybody = crowd_cookies(cookies, people.crowd(site.stack, site.ada, site.crowd))
    writes = creations(site, everybody)
    whole = {len(list_answer(site, one).body) for one in (everybody[0], everybody[-1])}
    lengths = whole | {length - WITHOUT_FRACTION for length in whole}  # with such a new one among them
    return Load(
        [Request("GET", EXPENSES, {"Cookie": one}) for one in everybody],
        {200: sorted(lengths), **writes.answers},
        others=writes.requests,
        tenths=9,
        fresh=("", "number"),
        drawn="at random",
    )
