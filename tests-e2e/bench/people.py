"""Who the load is from: one person who signs in, and many who have tokens of auth's own key.

An access token lives for five minutes: each part of a row begins with new ones.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from actors import AUTH, PASSWORD, part
from forger import LIFE_SECONDS, Forger
from infra.local.failure import Failure
from infra.local.stack import Stack

PATIENCE_SECONDS = 20


@dataclass
class Person:
    """Somebody with an account."""

    email: str
    id: UUID

    def cookies(self, auth_url: str) -> str:
        """Sign in: the cookies that a browser then sends to the expenses service. Raises Failure."""
        form = {"email": self.email, "password": PASSWORD}
        answer = _sent(auth_url, "login", form, 200)
        wanted = [f"{name}={value}" for name, value in answer.cookies.items() if not name.endswith("refresh")]
        return "; ".join(wanted)


def register(auth_url: str) -> Person:
    """A new person. Raises Failure."""
    email = f"bench-{secrets.token_hex(8)}@example.com"
    answer = _sent(auth_url, "register", {"email": email, "password": PASSWORD}, 201)
    return Person(email, UUID(answer.json()["id"]))


def _sent(auth_url: str, call: str, form: Mapping[str, str], status: int) -> httpx.Response:
    """A busy auth, after a flood, is asked again."""
    for _ in range(PATIENCE_SECONDS):
        answer = httpx.post(f"{auth_url}{AUTH}/{call}", json=form, timeout=30, trust_env=False)
        if answer.status_code == status:
            return answer
        if answer.status_code != 503:
            break
        time.sleep(1)
    raise Failure(f"auth answered {answer.status_code} to {call}: {answer.text}")


@dataclass(frozen=True)
class Crowd:
    """Many people who never registered: expenses asks nobody, and believes auth's signature."""

    users: Sequence[UUID]
    tokens: Sequence[str]


def new_users(count: int) -> list[UUID]:
    """Ids like those that auth gives (UUIDv7, RFC 9562)."""
    now = time.time_ns() // 1_000_000
    return [_uuid7(now) for _ in range(count)]


def _uuid7(milliseconds: int) -> UUID:
    chance = secrets.randbits(74)
    high = milliseconds << 16 | 0x7 << 12 | chance >> 62
    return UUID(int=high << 64 | 0b10 << 62 | chance & (1 << 62) - 1)


def crowd(stack: Stack, model: Person, users: Sequence[UUID]) -> Crowd:
    """Fresh tokens, with the claims of the model's but for whose they are."""
    forger = Forger.with_the_key_of(stack)
    cookie = next(
        text.partition("=")[2]
        for text in model.cookies(stack.place.url("auth")).split("; ")
        if text.startswith("ea_access=")
    )
    claims: dict[str, Any] = part(cookie, 1)
    now = int(time.time())
    fresh = {"iat": now, "exp": now + LIFE_SECONDS}
    tokens = [
        forger.token(claims | fresh | {"sub": str(user), "jti": secrets.token_urlsafe(16)}) for user in users
    ]
    return Crowd(users, tokens)
