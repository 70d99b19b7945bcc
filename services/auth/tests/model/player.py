"""Does to the service and to the model the same, and compares the answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.actors import PASSWORD
from tests.model.browser import ACCESS, REFRESH, Answer, Browser, Call, Token
from tests.model.model import REVOKED, Model, Session, User, Verdict
from tests.model.stage import Stage

CLEARED = {ACCESS: "", REFRESH: ""}
NEWEST = 2  # access tokens of each session that are watched


@dataclass
class Player:
    """Everybody who has a browser; `access` and `refresh` are the tokens to watch."""

    stage: Stage
    model: Model
    access: dict[str, list[Token]] = field(default_factory=dict)
    refresh: dict[str, Token] = field(default_factory=dict)

    def send(self, *calls: Call) -> Sequence[Answer]:
        """All at once."""
        return self.stage.run(self._send(calls))

    async def _send(self, calls: Sequence[Call]) -> Sequence[Answer]:
        return await asyncio.gather(*(self.stage.web.ask(call) for call in calls))

    # --- sessions begin --------------------------------------------------------------------------

    def register(self, name: str) -> User:
        form = {"email": self.stage.new_email(name), "password": PASSWORD}
        (answer,) = self.send(Call("POST", "/register", json=form))
        assert answer.status == 201, answer
        user = User(answer.body["id"], name, **form)
        self.model.users.append(user)
        return user

    def sign_in(self, user: User, password: str) -> Browser | None:
        """A new browser, if it is the present password of a user who may sign in."""
        form = {"email": user.email, "password": password}
        (answer,) = self.send(Call("POST", "/login", json=form))
        if user.disabled or password != user.passwords[-1]:
            assert (answer.status, answer.code) == (401, "invalid_credentials")
            return None
        assert answer.status == 200, answer
        return self._begun(user, answer)

    def _begun(self, user: User, answer: Answer) -> Browser:
        first = answer.refresh
        assert first.generation == 1
        session = self.model.begin(user, first.session_id, first.claims["iat"])
        self.refresh[session.id] = first
        name = f"{user.name}-{len(self.model.sessions)}"
        return Browser(name, user, self._watch(answer, session), first)

    def _watch(self, answer: Answer, session: Session) -> Token:
        """The access token that came, which is of this session and signed by the present key."""
        token = answer.access
        assert token.session_id == session.id
        assert (token.claims["sub"], token.claims["ver"]) == (session.user.id, session.ver)
        assert token.kid == self.model.kid
        self.access[session.id] = [*self.access.get(session.id, []), token][-NEWEST:]
        return token

    # --- sessions go on --------------------------------------------------------------------------

    def present(self, browser: Browser, token: Token, tabs: int) -> Answer:
        """Refresh in several tabs at once: all are answered alike."""
        answers = self.send(*[Call("POST", "/refresh", refresh=token)] * tabs)
        self.presented(browser, token, answers)
        return answers[0]

    def presented(self, browser: Browser, token: Token, answers: Sequence[Answer]) -> None:
        session = self.model.sessions[token.session_id]
        for answer in answers:
            verdict = self.model.refresh(session, token.generation)
            self.stage.outcomes[verdict.outcome] += 1
            self._compare(browser, session, verdict, answer)
        assert len({answer.cookies.get(REFRESH) for answer in answers}) == 1

    def _compare(
        self, browser: Browser, session: Session, verdict: Verdict, answer: Answer
    ) -> None:
        if verdict.code:
            assert (answer.status, answer.code) == (401, verdict.code), verdict
            assert answer.cookies == (CLEARED if verdict.clears else {}), verdict
            return
        assert answer.status == 200, (verdict, answer)
        assert answer.body["session"]["id"] == session.id
        self._watch(answer, session)
        assert (REFRESH in answer.cookies) == (verdict.successor is not None), verdict
        if verdict.successor is not None:
            successor = answer.refresh
            assert successor.session_id == session.id
            self.model.seen(session.id, successor.generation, successor.claims["iat"])
            self._remember(browser, successor)

    def _remember(self, browser: Browser, successor: Token) -> None:
        self.refresh[successor.session_id] = successor
        if successor.text != browser.known[-1].text:
            browser.known.append(successor)

    # --- sessions end ----------------------------------------------------------------------------

    def log_out(self, access: Token | None, refresh: Token | None) -> None:
        """With the cookies of one session or of two, alive or not."""
        (answer,) = self.send(Call("POST", "/logout", access, refresh))
        self.logged_out(access, refresh, answer)

    def logged_out(self, access: Token | None, refresh: Token | None, answer: Answer) -> None:
        assert (answer.status, answer.cookies) == (204, CLEARED), answer
        for token in (access, refresh):
            if token is not None:
                self.model.end(self.model.sessions[token.session_id])

    def end_session(self, browser: Browser, other: Session) -> None:
        """By its id; of a session that the user does not see, there is nothing to be known."""
        asking = self.model.sessions[browser.access.session_id]
        path = f"/sessions/{other.id}"
        (answer,) = self.send(Call("DELETE", path, browser.access))
        if not self.model.is_alive(asking):
            assert (answer.status, answer.code) == (401, REVOKED)
        elif other.id not in self.model.listed(browser.user):
            assert (answer.status, answer.code, answer.cookies) == (404, "not_found", {})
        else:
            assert answer.status == 204, answer
            assert answer.cookies == (CLEARED if other is asking else {})
            self.model.end(other)

    def ending(self, browser: Browser, kind: str) -> Call:
        """The call that ends sessions of the browser's user."""
        if kind == "logout":
            return Call("POST", "/logout", browser.access, browser.refresh)
        if kind == "logout-all":
            return Call("POST", "/logout-all", browser.access)
        old = browser.user.passwords
        form = {"current_password": old[-1], "new_password": f"{PASSWORD} {len(old)}"}
        return Call("POST", "/password", browser.access, json=form)

    def ended(self, browser: Browser, kind: str, answer: Answer) -> None:
        """What `ending` has done."""
        user = browser.user
        if kind == "logout":
            self.logged_out(browser.access, browser.refresh, answer)
        elif not self.model.is_alive(self.model.sessions[browser.access.session_id]):
            assert (answer.status, answer.code) == (401, REVOKED)
        elif kind == "logout-all":
            assert (answer.status, answer.cookies) == (204, CLEARED), answer
            self.model.end_all(user)
        else:
            assert answer.status == 204, answer
            self.model.replace(self.model.sessions[browser.access.session_id])
            user.passwords.append(f"{PASSWORD} {len(user.passwords)}")
            fresh = self._begun(user, answer)
            browser.keep(fresh.access, fresh.refresh)
            browser.known.append(fresh.refresh)

    def race(self, browser: Browser, kind: str, victim: Browser, tabs: int) -> None:
        """An ending against refreshes: whoever is first, what is to end has ended after it."""
        token = victim.refresh
        session = self.model.sessions[token.session_id]
        verdict = self.model.judge(session, token.generation)
        if verdict.outcome == "REUSE":
            return  # a thief's race has two ends
        calls = [Call("POST", "/refresh", refresh=token)] * tabs
        calls.insert(tabs // 2, self.ending(browser, kind))
        answers = list(self.send(*calls))
        self.ended(browser, kind, answers.pop(tabs // 2))
        if self.model.refusal(session) == verdict.code:
            self.presented(victim, token, answers)
            return
        if session.id in self.stage.run(self.stage.web.revocations()).claims["sids"]:
            self.model.end(session)  # a refresh that found its end in Redis has written it down too
        for answer in answers:
            if answer.status != 200:
                assert (answer.status, answer.code) in {(401, verdict.code), (401, REVOKED)}
                continue
            assert verdict.code is None
            self._watch(answer, session)
            if answer.brings_refresh:
                self._remember(victim, answer.refresh)
