"""What the specification shows: one person, a session, a token."""

from typing import Any, Final

USER: Final[dict[str, Any]] = {
    "id": "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a43",
    "email": "ada@example.com",
    "name": "Ada",
    "time_zone": "Europe/Vienna",
    "created_at": "2026-05-31T12:00:00.000000Z",
    "version": 1,
}
GRANT: Final[dict[str, Any]] = {
    "access_expires_at": "2026-05-31T12:05:00.000000Z",
    "session": {
        "id": "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a44",
        "expires_at": "2026-06-14T12:00:00.000000Z",
    },
}
SESSION: Final[dict[str, Any]] = {
    "id": "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a44",
    "created_at": "2026-05-31T12:00:00.000000Z",
    "last_seen_at": "2026-05-31T12:00:00.000000Z",
    "user_agent": "Mozilla/5.0",
    "ip": "192.0.2.0/24",
    "current": True,
}
TOKEN: Final[dict[str, Any]] = {
    "id": "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a45",
    "name": "Monthly report",
    "scopes": ["expenses:read"],
    "created_at": "2026-05-31T12:00:00.000000Z",
    "expires_at": "2027-05-31T12:00:00.000000Z",
    "last_used_at": None,
}
EVENT: Final[dict[str, Any]] = {
    "id": "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a46",
    "at": "2026-05-31T12:00:00.000000Z",
    "type": "signed_in",
    "ip": "192.0.2.0/24",
    "user_agent": "Mozilla/5.0",
    "session_id": "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a44",
}
KEY: Final[dict[str, Any]] = {
    "kty": "RSA",
    "use": "sig",
    "alg": "RS256",
    "kid": "Hbvi6yGA6FKtVVPXJ-t8YAhI6J57w8xQIUVbMnJbyss",
    "n": "…",
    "e": "AQAB",
}
