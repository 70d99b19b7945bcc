"""Gives readers the present list, signed only for those that do not have it yet."""

from auth_service.resources import Resources
from auth_service.revocations import repository, rules
from auth_service.revocations.models import Revocations


async def current(resources: Resources) -> Revocations:
    """What was revoked in the last ten minutes. Raises Unavailable."""
    return await repository.listed(resources.apart, rules.KEPT_SECONDS)


async def signed(resources: Resources, revocations: Revocations) -> str:
    """A compact JWS of `revocations`. Raises KeysUnavailable."""
    claims = rules.claims_of(resources.settings.issuer, revocations)
    return await resources.keys.sign(rules.LIST_TYPE, claims)
