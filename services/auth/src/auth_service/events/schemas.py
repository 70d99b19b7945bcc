"""The query for events, and a page of them."""

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from auth_service.accounts.schemas import Instant
from auth_service.events.models import Event, EventType

MAX_PAGE = 200
PAGE = 50
_DIGITS = re.compile(r"-?[0-9]{1,9}")


def _digits(value: object) -> object:
    """Python reads `1_0`, `+5`, `5.0` and ` 5` as numbers too."""
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise PydanticCustomError("int_parsing", "must be a whole number in digits")
    return value


class EventQuery(BaseModel):
    """`GET /auth/events`."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[
        int,
        Field(ge=1, le=MAX_PAGE, description="how many at most"),
        BeforeValidator(_digits),
    ] = PAGE
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None
    include: Annotated[
        Literal["total"] | None, Field(description="`total` tells how many there are in all")
    ] = None


class EventBody(BaseModel):
    """A security event as its user sees it; `ip` is the network, not the address."""

    id: UUID
    at: Instant
    type: EventType
    ip: str | None
    user_agent: str | None
    session_id: UUID | None

    @classmethod
    def of(cls, event: Event) -> "EventBody":
        """What may be shown of `event`."""
        return cls(**{name: getattr(event, name) for name in Event.__slots__})


class Events(BaseModel):
    """A page of events; `next_cursor` is null at the end, `total` only there when asked for."""

    items: list[EventBody]
    next_cursor: str | None
    total: int | SkipJsonSchema[None] = Field(None, exclude_if=lambda total: total is None)
