"""Puts the service together: `uvicorn --factory auth_service.app:create_app`."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from auth_service import __version__, docs, health, metrics, openapi, problems
from auth_service.accounts.metrics import PasswordMetrics
from auth_service.accounts.router import router as accounts
from auth_service.events.router import router as events
from auth_service.head import HeadAsGet
from auth_service.keys.metrics import KeyMetrics
from auth_service.keys.router import router as keys
from auth_service.metrics import Metrics
from auth_service.plans import Plan, plans
from auth_service.pool_metrics import PoolMetrics
from auth_service.request_log import RequestLog
from auth_service.requests import limit_body
from auth_service.resources import open_resources
from auth_service.revocations.router import router as revocations
from auth_service.sessions.router import router as sessions
from auth_service.settings import Settings, load
from auth_service.straight import Straight
from auth_service.telemetry import Telemetry, configure_logging
from auth_service.throttles.metrics import ThrottleMetrics
from auth_service.tokens.router import router as tokens

OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"  # the name that OpenTelemetry has for it


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; reads the environment when `settings` is not given, connects to nothing."""
    settings = settings or load(Settings)
    configure_logging(settings.log_level)
    requests = RequestLog(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_resources(settings) as resources, traced(resources.database.engine):
            app.state.resources = resources
            for collector in (
                PoolMetrics(resources.database.engine.pool),
                PasswordMetrics(resources.passwords),
                KeyMetrics(resources.keys),
                ThrottleMetrics(resources.throttle),
            ):
                app.state.metrics.registry.register(collector)
            yield
        requests.flush()

    app = FastAPI(
        title="Auth",
        version=__version__,
        description="Users, sessions and the keys that tokens are verified with.",
        lifespan=lifespan,
        dependencies=[Depends(limit_body)],
        openapi_url=None,  # docs.py serves it, with a validator
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Nothing collects them, and to find that out for each request takes 8 µs.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.metrics = Metrics()
    app.state.stopping = False
    app.state.requests = requests
    planned: dict[tuple[str, str], Plan] = {}
    app.add_middleware(Straight, plans=planned)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Telemetry, metrics=app.state.metrics, requests=requests)
    traced = _trace(app)
    for router in (
        health.router,
        metrics.router,
        docs.router,
        accounts,
        sessions,
        keys,
        revocations,
        tokens,
        events,
    ):
        app.include_router(router)
    planned.update(plans(app.routes))
    problems.install(app)
    openapi.install(app, secure=settings.secure)
    return app


def _trace(app: FastAPI) -> Callable[[AsyncEngine], AbstractAsyncContextManager[None]]:
    """Trace requests if a collector is named; what is returned does so with an engine."""
    if not os.environ.get(OTLP_ENDPOINT):
        return lambda _: nullcontext()
    from auth_service.tracing import TracedRequests, Tracing  # noqa: PLC0415 - who has no collector does not load it

    tracing = Tracing()
    app.add_middleware(TracedRequests, tracing=tracing)
    return tracing.of
