"""Gives endpoints the visitor that a request comes from."""

from typing import Annotated

from fastapi import Depends, Request

from auth_service.cookies import read_cookie
from auth_service.resources import Resources, get_resources
from auth_service.throttles.models import Visitor
from auth_service.throttles.rules import network


async def visitor_of(
    request: Request, resources: Annotated[Resources, Depends(get_resources)]
) -> Visitor:
    """The address as the gateway reports it; uvicorn believes no one else.

    Raises:
        DuplicateCookie: two device cookies.

    """
    address = request.client.host if request.client else "unknown"
    return Visitor(network(address), read_cookie(request, resources.cookies.device))


VisitorOf = Annotated[Visitor, Depends(visitor_of)]
