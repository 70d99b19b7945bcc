"""What the two kinds of token say and how long they live (infra/contracts/access-token.md)."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from auth_service.accounts.models import User
from auth_service.keys.errors import InvalidToken
from auth_service.keys.rules import base64url
from auth_service.sessions.errors import TokenExpired
from auth_service.sessions.models import AccessClaims, Grantor, RefreshClaims, Session

ACCESS_TYPE: Final = "at+jwt"
REFRESH_TYPE: Final = "rt+jwt"
ACCESS_AUDIENCE: Final = "expense-app"
REFRESH_AUDIENCE: Final = "auth-refresh"
WEB_SCOPES: Final = "expenses:read expenses:write profile:read profile:write"
WEB: Final = "web"
PAT: Final = "pat"
CLIENTS: Final = frozenset({WEB, PAT})

ACCESS_SECONDS: Final = 300
ACCESS_JITTER: Final = 0.05  # so that the tabs of a browser do not all refresh in one second
IDLE_SECONDS: Final = 14 * 24 * 3600
ABSOLUTE_SECONDS: Final = 30 * 24 * 3600
MAX_SESSIONS: Final = 50

LEEWAY_SECONDS: Final = 30
MAX_AHEAD_SECONDS: Final = 90
MAX_ACCESS_SECONDS: Final = 330
JTI_CHARACTERS: Final = 22
LAST_INSTANT: Final = 253_402_300_799  # 9999-12-31T23:59:59Z

_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")  # RFC 6749, 3.3
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def may_sign_in(user: User, now: datetime) -> bool:
    """Not when disabled, nor by a one-time password that was used or has run out."""
    one_time = user.one_time_until
    return user.disabled_at is None and (one_time is None or now < one_time)


def refresh_jti(session_id: UUID, generation: int, secret: bytes) -> str:
    """Binds a refresh token to the session's secret: the signing key alone forges none."""
    message = f"{session_id}|{generation}".encode()
    return base64url(hmac.digest(secret, message, hashlib.sha256))[:JTI_CHARACTERS]


def is_of(claims: RefreshClaims, session: Session) -> bool:
    """Whether the token was made with this session's secret, compared in constant time."""
    expected = refresh_jti(session.id, claims.generation, session.secret)
    same_user = claims.user_id == session.user_id
    return hmac.compare_digest(expected.encode(), claims.jti.encode()) and same_user


def refresh_expiry(issued_ms: int, session_expires_ms: int) -> int:
    """14 days after it was issued, or the end of the session if that is sooner; seconds."""
    return min(issued_ms // 1000 + IDLE_SECONDS, session_expires_ms // 1000)


def refresh_claims(
    issuer: str, session: Session, generation: int, issued_ms: int
) -> dict[str, object]:
    """The same arguments give the same claims, so that a lost answer can be repeated."""
    return {
        "iss": issuer,
        "aud": REFRESH_AUDIENCE,
        "sub": str(session.user_id),
        "sid": str(session.id),
        "gen": generation,
        "jti": refresh_jti(session.id, generation, session.secret),
        "iat": issued_ms // 1000,
        "exp": refresh_expiry(issued_ms, session.expires_ms),
    }


def access_claims(
    issuer: str, user: User, grantor: Grantor, *, jti: str, now: int, jitter: float
) -> dict[str, object]:
    """`jitter`, from 0 to 1, is the share of the 5 % by which the token lives shorter."""
    life = ACCESS_SECONDS - int(ACCESS_SECONDS * ACCESS_JITTER * jitter)
    ends = now + life if grantor.expires_at is None else min(now + life, grantor.expires_at)
    return {
        "iss": issuer,
        "aud": ACCESS_AUDIENCE,
        "sub": str(user.id),
        "sid": str(grantor.id),
        "jti": jti,
        "iat": now,
        "exp": ends,
        "auth_time": grantor.auth_time,
        "client_id": grantor.client_id,
        "scope": grantor.scope,
        "ver": user.ver,
        "zoneinfo": user.time_zone,
    }


def read_refresh(claims: Mapping[str, Any], issuer: str) -> RefreshClaims:
    """The claims of a refresh token, expired or not. Raises InvalidToken."""
    if claims.get("iss") != issuer or claims.get("aud") != REFRESH_AUDIENCE:
        raise InvalidToken
    return RefreshClaims(
        session_id=_uuid(claims, "sid"),
        user_id=_uuid(claims, "sub"),
        generation=_integer(claims, "gen", 1, 2**31 - 1),
        jti=_text(claims, "jti", JTI_CHARACTERS),
        issued_at=_integer(claims, "iat", 1, LAST_INSTANT),
        expires_at=_integer(claims, "exp", 1, LAST_INSTANT),
    )


def read_access(claims: Mapping[str, Any], issuer: str, now: float) -> AccessClaims:
    """The claims of an access token, expired or not. Raises InvalidToken."""
    if claims.get("iss") != issuer or claims.get("aud") != ACCESS_AUDIENCE:
        raise InvalidToken
    issued_at = _integer(claims, "iat", 1, LAST_INSTANT)
    expires_at = _integer(claims, "exp", 1, LAST_INSTANT)
    if issued_at > now + MAX_AHEAD_SECONDS or not 0 < expires_at - issued_at <= MAX_ACCESS_SECONDS:
        raise InvalidToken
    _integer(claims, "auth_time", 1, LAST_INSTANT)
    for name in ("jti", "zoneinfo"):
        _text(claims, name, 64)
    client_id = _text(claims, "client_id", 64)
    if client_id not in CLIENTS:
        raise InvalidToken
    return AccessClaims(
        session_id=_uuid(claims, "sid"),
        user_id=_uuid(claims, "sub"),
        ver=_integer(claims, "ver", 1, 2**31 - 1),
        client_id=client_id,
        scopes=_scopes(claims),
        expires_at=expires_at,
    )


def check_alive(expires_at: int, now: float) -> None:
    """Raises TokenExpired."""
    if now >= expires_at + LEEWAY_SECONDS:
        raise TokenExpired


def _text(claims: Mapping[str, Any], name: str, longest: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value.isascii() or not 1 <= len(value) <= longest:
        raise InvalidToken
    return value


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    value = _text(claims, "scope", 1024)
    if not _SCOPES.fullmatch(value):
        raise InvalidToken
    return frozenset(value.split(" "))


def _uuid(claims: Mapping[str, Any], name: str) -> UUID:
    value = _text(claims, name, 36)
    if not _UUID.fullmatch(value):
        raise InvalidToken
    return UUID(value)


def _integer(claims: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = claims.get(name)
    if type(value) is not int or not least <= value <= most:  # bool is an int to isinstance
        raise InvalidToken
    return value
