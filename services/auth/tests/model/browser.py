"""Speaks HTTP to the service; the cookies are in the hands of the test, not of the client."""

import base64
import json
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import SimpleCookie
from typing import Any

import httpx

from tests.actors import AUTH
from tests.model.model import User

ACCESS, REFRESH = "ea_access", "ea_refresh"


def _part(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


@dataclass(frozen=True, eq=False)
class Token:
    """An access or refresh token and what it says; whether it is good is for the service to say."""

    text: str
    kid: str
    claims: dict[str, Any]

    @classmethod
    def read(cls, text: str) -> "Token":
        """The service's own token, or its signed list."""
        header, payload, _ = text.split(".")
        return cls(text, _part(header)["kid"], _part(payload))

    @property
    def session_id(self) -> str:
        return str(self.claims["sid"])

    @property
    def generation(self) -> int:
        """Of a refresh token."""
        return int(self.claims["gen"])


class Browser:
    """Keeps its last cookies whatever happens, as somebody who copied them would.

    `known` has every refresh token that was ever issued to it, lost answers included.
    """

    def __init__(self, name: str, user: User, access: Token, refresh: Token) -> None:
        self.name = name
        self.user = user
        self.keep(access, refresh)
        self.known = [refresh]

    def keep(self, access: Token, refresh: Token) -> None:
        """The cookies of an answer that was not lost."""
        self.access = access
        self.refresh = refresh

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Call:
    """What a browser asks of the auth service, with the cookies that it sends."""

    method: str
    path: str
    access: Token | None = None
    refresh: Token | None = None
    json: object = None


@dataclass(frozen=True)
class Answer:
    """What came back; a cookie that was cleared is there with an empty value."""

    status: int
    code: str | None
    body: Any
    cookies: dict[str, str]

    @property
    def access(self) -> Token:
        return Token.read(self.cookies[ACCESS])

    @property
    def brings_refresh(self) -> bool:
        return bool(self.cookies.get(REFRESH))

    @property
    def refresh(self) -> Token:
        return Token.read(self.cookies[REFRESH])


def _cookies(answer: httpx.Response) -> dict[str, str]:
    found = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        found.load(line)
    return {name: morsel.value for name, morsel in found.items()}


class Web:
    """The service as browsers and its own neighbours reach it."""

    def __init__(self, url: str) -> None:
        nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        same_site = {"Sec-Fetch-Site": "same-origin"}
        self._client = httpx.AsyncClient(
            base_url=url, cookies=nothing, headers=same_site, timeout=20, trust_env=False
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, call: Call) -> Answer:
        """One call of a browser's; what is refused is refused with a problem document."""
        jar = {ACCESS: call.access, REFRESH: call.refresh}
        line = "; ".join(f"{name}={token.text}" for name, token in jar.items() if token)
        answer = await self._client.request(
            call.method, AUTH + call.path, headers={"Cookie": line} if line else {}, json=call.json
        )
        kind = answer.headers.get("content-type", "")
        body = answer.json() if "json" in kind else None
        if answer.status_code < 400:
            return Answer(answer.status_code, None, body, _cookies(answer))
        assert kind == "application/problem+json", answer.text
        return Answer(answer.status_code, answer.json()["code"], body, _cookies(answer))

    async def kids(self) -> set[str]:
        """The names of the keys in the key set."""
        answer = await self._client.get("/.well-known/jwks.json")
        assert answer.status_code == 200, answer.text
        return {key["kid"] for key in answer.json()["keys"]}

    async def revocations(self) -> Token:
        """The signed list, as the expenses service gets it."""
        answer = await self._client.get("/internal/v1/revocations")
        assert answer.status_code == 200, answer.text
        return Token.read(answer.text)
