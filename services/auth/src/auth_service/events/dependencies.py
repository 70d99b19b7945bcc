"""Gives endpoints the client that a request comes from."""

from typing import Annotated

from fastapi import Depends, Request

from auth_service.events.models import Client
from auth_service.events.rules import cleaned, truncated


async def client_of(request: Request) -> Client:
    """As the gateway reports it; uvicorn believes no one else (FORWARDED_ALLOW_IPS)."""
    host = request.client.host if request.client else None
    return Client(truncated(host), cleaned(request.headers.get("user-agent")))


ClientOf = Annotated[Client, Depends(client_of)]
