"""Gives endpoints the certainty of a place in the line of passwords."""

from typing import Annotated

from fastapi import Depends

from auth_service.resources import Resources, get_resources
from auth_service.throttles.dependencies import VisitorOf


async def place_in_line(
    visitor: VisitorOf, resources: Annotated[Resources, Depends(get_resources)]
) -> None:
    """Refuses whoever would be refused a turn before anything is read or asked for them."""
    await resources.passwords.require_room(visitor.network)
