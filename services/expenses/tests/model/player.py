"""Does to the service and to the model the same, and compares the answers."""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import httpx

from tests.model.account import Account
from tests.model.calls import Call, Seen, refuses
from tests.model.versions import Fields, Refused, Version, agree
from tests.model.web import Request, Web

KEY = "Idempotency-Key"
KEPT = ("etag", "location", "content-type")


class Person:
    """A user, and what the model has of his."""

    def __init__(self, name: str, token: str) -> None:
        self.name = name
        self.token = token
        self.account = Account()
        self.posts: list[Call] = []
        """Those with a key, which may be sent again."""

    def __repr__(self) -> str:
        return self.name


class Seat:
    """One of the clients of a user; it knows what it has been told, which may be old by now."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.expenses: dict[str, str] = {}
        self.categories: dict[str, Seen] = {}

    def look(self) -> None:
        """See the present versions of all expenses."""
        live = self.person.account.live()
        self.expenses |= {head.id: f'"{head.number}"' for head in live}

    def hear(self, call: Call, answer: httpx.Response) -> None:
        """Keep the entity tag of what was written, and a call that may be sent again."""
        if KEY in call.request.headers:
            self.person.posts.append(call)
        if answer.status_code not in {200, 201} or "etag" not in answer.headers:
            return
        body, tag = answer.json(), answer.headers["etag"]
        if "slug" in body:
            self.categories[body["slug"]] = (tag, body)
        else:
            self.expenses[body["id"]] = tag


class Player:
    """All users; `outcomes` counts what became of their calls."""

    def __init__(self, web: Web, outcomes: Counter[str]) -> None:
        self.web = web
        self.outcomes = outcomes

    async def write(self, seat: Seat, *calls: Call) -> list[Version]:
        """All at once, which must end as in some order of them; the versions that this made."""
        person, begun = seat.person, datetime.now(UTC)
        answers = await self.web.together(person.token, [call.request for call in calls])
        for call, answer in zip(calls, answers, strict=True):
            seat.hear(call, answer)
            self.outcomes[_outcome(call, answer)] += 1
        feed = await self._changes_since(person)
        before = len(person.account.log)
        person.account = in_some_order(person.account, list(zip(calls, answers, strict=True)), feed)
        made = [] if feed["erased"] else person.account.log[before:]
        self.outcomes.update(["erased"] if feed["erased"] else [it.action for it in made])
        await self._learn(person, made, begun)
        return made

    async def _changes_since(self, person: Person) -> Fields:
        """All that is new; after an erasure all that is there."""
        query = {"since": str(person.account.seq), "limit": "1000"}
        answer = await self.web.send(person.token, Request("GET", "/changes", query))
        erased = answer.status_code == 410
        if erased:
            assert answer.json()["code"] == "resync_required"
            query["since"] = "0"
            answer = await self.web.send(person.token, Request("GET", "/changes", query))
        assert answer.status_code == 200, answer.text
        assert not answer.json()["has_more"]
        return {**answer.json(), "erased": erased}

    async def _learn(self, person: Person, made: Sequence[Version], begun: datetime) -> None:
        """Ids and instants of new versions, from the histories of their expenses."""
        ids = {version.id for version in made}
        histories = {
            each: (await self.web.read(person.token, f"/expenses/{each}/history"))["items"]
            for each in ids
        }
        for version in made:
            history = histories[version.id]
            version.learn(history[version.number - 1])
            at = datetime.fromisoformat(version.at)
            assert begun - timedelta(seconds=1) < at < datetime.now(UTC) + timedelta(seconds=1)


def _outcome(call: Call, answer: httpx.Response) -> str:
    if answer.headers.get("idempotency-replayed"):
        return "replayed"
    if answer.status_code >= 400:
        return str(answer.json()["code"])
    return f"{call.request.method}{call.request.resource}"


def in_some_order(
    account: Account, pairs: Sequence[tuple[Call, httpx.Response]], feed: Fields
) -> Account:
    """The account as the calls left it. AssertionError: no order of them explains the answers."""
    found: list[AssertionError] = []
    for order in permutations(pairs):
        trial = deepcopy(account)
        try:
            for call, answer in order:
                play(trial, call, answer, alone=len(pairs) == 1)
            compare(trial, len(account.log), feed)
        except AssertionError as error:
            found.append(error)
        else:
            return trial
    raise found[0]


def play(account: Account, call: Call, answer: httpx.Response, *, alone: bool) -> None:
    """One call, which has been answered so."""
    key = call.request.headers.get(KEY)
    place = (call.request.path, key or "")
    if not alone and key and _in_progress(answer):
        return
    try:
        call.form()
        if key and place in account.kept:
            replayed(call, answer, *account.kept[place])
            return
        assert "idempotency-replayed" not in answer.headers
        call.effect(account, answer)
    except Refused as refused:
        refuses(answer, refused)
        return
    if key:
        account.kept[place] = (call.asked, _kept(answer))


def replayed(call: Call, answer: httpx.Response, asked: object, first: object) -> None:
    """The answer is the first one, to the same call. Raises Refused for another."""
    if asked != call.asked:
        raise Refused(422, "idempotency_key_reused")
    assert answer.headers["idempotency-replayed"] == "true"
    agree(_kept(answer), first)


def _in_progress(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and answer.json()["code"] == "idempotency_in_progress"


def _kept(answer: httpx.Response) -> Any:  # noqa: ANN401 - to be compared
    return answer.status_code, answer.content, [answer.headers.get(name) for name in KEPT]


def compare(account: Account, before: int, feed: Fields) -> None:
    """The feed has just what was written, in its order; what the model cannot know is learned."""
    if feed["erased"]:
        agree((feed["items"], account.log), ([], []))
        assert feed["next_since"] > account.seq
        account.seq = feed["next_since"]
        return
    made = account.log[before:]
    agree(feed["items"], [version.change for version in made])
    agree(feed["next_since"], account.seq, "next_since")
    for version, item in zip(made, feed["items"], strict=True):
        version.id = item["id"]
        if item["expense"] is not None:
            version.fields["spent_on"] = item["expense"]["spent_on"]
