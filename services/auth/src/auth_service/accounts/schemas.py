"""Bodies of requests and answers about users."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StrictStr
from pydantic_core import PydanticCustomError

from auth_service.accounts.models import User
from auth_service.accounts.rules import (
    MAX_EMAIL,
    MAX_PASSWORD,
    MIN_PASSWORD,
    email_key,
    is_time_zone,
)
from auth_service.text import AS_LINE, Line, line


def _email(value: str) -> str:
    try:
        email_key(value)
    except ValueError as error:
        raise PydanticCustomError("invalid_email", "{reason}", {"reason": str(error)}) from None
    return value


def _time_zone(value: str) -> str:
    if not is_time_zone(value):
        raise PydanticCustomError(
            "unknown_time_zone", "must be an IANA time zone such as Europe/Vienna"
        )
    return value


def _utf8(value: str) -> str:
    """Every byte of a password counts, so there must be bytes: no lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("invalid_text", "must be valid Unicode text") from None
    return value


def instant(value: datetime) -> str:
    """RFC 3339 in UTC."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


valid_unicode = AfterValidator(_utf8)
Email = Annotated[
    StrictStr,
    AfterValidator(_email),
    Field(json_schema_extra={"format": "email", "maxLength": MAX_EMAIL}),
]
TimeZone = Annotated[
    Line,
    AfterValidator(_time_zone),
    Field(description="A name of the IANA time zone database.", examples=["Europe/Vienna"]),
]
Name = Annotated[StrictStr, Field(min_length=1, max_length=120), AfterValidator(line), AS_LINE]
NewPassword = Annotated[
    StrictStr, Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD), valid_unicode
]
GivenPassword = Annotated[StrictStr, Field(min_length=1, max_length=MAX_PASSWORD), valid_unicode]
Instant = Annotated[datetime, PlainSerializer(instant, return_type=str)]


class Registration(BaseModel):
    """`POST /auth/register`."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: NewPassword
    name: Name | None = None
    time_zone: TimeZone = "UTC"


class PasswordChange(BaseModel):
    """`POST /auth/password`."""

    model_config = ConfigDict(extra="forbid")

    current_password: GivenPassword
    new_password: NewPassword


class Closing(BaseModel):
    """`DELETE /auth/me`."""

    model_config = ConfigDict(extra="forbid")

    current_password: GivenPassword


class ProfilePatch(BaseModel):
    """`PATCH /auth/me`: a JSON Merge Patch (RFC 7396); `null` clears the name."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    time_zone: TimeZone = "UTC"

    def changes(self) -> dict[str, Any]:
        """What the caller sent, and nothing that was left out."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class UserBody(BaseModel):
    """A user, as answers show one."""

    id: UUID
    email: str
    name: str | None
    time_zone: str
    created_at: Instant
    version: int

    @classmethod
    def of(cls, user: User) -> "UserBody":
        """What may be shown of `user`."""
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            time_zone=user.time_zone,
            created_at=user.created_at,
            version=user.version,
        )
