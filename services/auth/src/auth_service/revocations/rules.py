"""The revocation list as readers get it (infra/contracts/revocation-list.md)."""

from typing import Final

from auth_service.etag import opaque_etag
from auth_service.revocations.models import Revocations

LIST_TYPE: Final = "rev+jwt"
KEPT_SECONDS: Final = 600  # an access token lives 300 s, and readers allow for 30 s and their clock


def claims_of(issuer: str, revocations: Revocations) -> dict[str, object]:
    """The payload of the signed list."""
    return {
        "iss": issuer,
        "iat": revocations.at,
        "sids": list(revocations.sids),
        "min_ver": dict(revocations.min_ver),
    }


def etag_of(revocations: Revocations) -> str:
    """Of what the list says, whenever it was signed."""
    return opaque_etag("revocations", *revocations.sids, *sorted(revocations.min_ver.items()))
