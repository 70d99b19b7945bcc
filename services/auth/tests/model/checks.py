"""What holds between any two steps: the service answers as the model says."""

import asyncio
from collections.abc import Iterable

from tests.model.browser import Call, Token, Web
from tests.model.model import REVOKED, Model, User


async def access_tokens(web: Web, model: Model, tokens: Iterable[Token]) -> None:
    """Each is good or refused, and the key of each good one is published."""
    tokens = list(tokens)
    asked = [web.ask(Call("GET", "/me", access=token)) for token in tokens]
    answers = await asyncio.gather(*asked)
    kids = await web.kids()
    for token, answer in zip(tokens, answers, strict=True):
        session = model.sessions[token.session_id]
        if model.is_alive(session):
            assert answer.status == 200, f"{session.id} is alive: {answer}"
            assert answer.body["id"] == session.user.id
            assert token.kid in kids
        else:
            assert (answer.status, answer.code) == (401, REVOKED), f"{session.id} has ended"


async def refresh_tokens(web: Web, model: Model, tokens: Iterable[Token]) -> None:
    """Those of sessions that have ended are refused; to try the others would change them."""
    told = {token: model.refusal(model.sessions[token.session_id]) for token in tokens}
    dead = {token: code for token, code in told.items() if code}
    asked = (web.ask(Call("POST", "/refresh", refresh=token)) for token in dead)
    answers = await asyncio.gather(*asked)
    for (token, code), answer in zip(dead.items(), answers, strict=True):
        assert (answer.status, answer.code) == (401, code), token.claims


async def lists_of_sessions(web: Web, model: Model, tokens: Iterable[Token]) -> None:
    """Each user sees those that go on, the latest first, and which one asks."""
    asking: dict[str, tuple[User, Token]] = {}
    for token in tokens:
        session = model.sessions[token.session_id]
        if model.is_alive(session):
            asking[session.user.id] = (session.user, token)
    for user, token in asking.values():
        answer = await web.ask(Call("GET", "/sessions", access=token))
        assert answer.status == 200, answer
        found = [(item["id"], item["current"]) for item in answer.body["items"]]
        assert found == [(key, key == token.session_id) for key in model.listed(user)]


async def revocation_list(web: Web, model: Model) -> None:
    """It names what has ended, and nothing that has not."""
    said = (await web.revocations()).claims
    assert model.sessions.keys() & set(said["sids"]) == model.revoked
    ours = {user.id: user.ver for user in model.users if user.ver > 1}
    assert {key: ver for key, ver in said["min_ver"].items() if key in model.ids()} == ours
