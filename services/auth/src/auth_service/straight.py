"""The straight way to a route: past the framework's search for it and for its dependencies.

Errors of the domain are told as `problems.install` has the framework tell them; any other goes on
to the telemetry, as it does there.
"""

from collections.abc import Mapping

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from auth_service.errors import ServiceError
from auth_service.plans import Plan
from auth_service.problems import response_of


class Straight:
    """Pure ASGI, around the framework: it answers by `plans`, and leaves the rest to `app`."""

    def __init__(self, app: ASGIApp, plans: Mapping[tuple[str, str], Plan]) -> None:
        self._app = app
        self._plans = plans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request by its plan, if there is one."""
        is_request = scope["type"] == "http"
        plan = self._plans.get((scope["method"], scope["path"])) if is_request else None
        if plan is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = plan.route
        request = Request(scope, receive, send)
        try:
            response = await plan.answer(request)
        except ServiceError as error:
            response = response_of(error, request)
        await response(scope, receive, send)
