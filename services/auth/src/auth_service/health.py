"""Whether the process lives and whether it should get traffic (infra/contracts/health.md)."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from auth_service.errors import ServiceError, Unavailable
from auth_service.resources import Resources, get_resources

READY_SECONDS = 2.5

router = APIRouter(include_in_schema=False)


class NotReady(Unavailable):
    """Names what fails; the gateway sends its traffic elsewhere."""

    code = "unavailable"


@router.get("/livez")
async def livez() -> Response:
    """200 while the event loop turns; touches nothing."""
    return Response("ok", media_type="text/plain", headers={"Cache-Control": "no-store"})


@router.get("/readyz")
async def readyz(
    request: Request, resources: Annotated[Resources, Depends(get_resources)]
) -> Response:
    """200, or 503 naming what is missing; a stopping service is never ready."""
    if request.app.state.stopping:
        raise NotReady("Not ready: stopping.", failing=["stopping"])
    checks = resources.readiness()
    results = await asyncio.gather(
        *(asyncio.wait_for(check(), READY_SECONDS) for check in checks.values()),
        return_exceptions=True,
    )
    failing = [name for name, result in zip(checks, results, strict=True) if result is not None]
    unexpected = [
        r for r in results if r is not None and not isinstance(r, ServiceError | TimeoutError)
    ]
    if unexpected:
        raise unexpected[0]
    if failing:
        raise NotReady(f"Not ready: {', '.join(failing)}.", failing=failing)
    return Response("ok", media_type="text/plain", headers={"Cache-Control": "no-store"})
