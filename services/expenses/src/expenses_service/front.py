"""FastAPI with the service's own middleware in front, so that what that answers costs no more.

Starlette puts it behind its own layers, and FastAPI adds three: 20 µs a request, and nothing in
them is for a request that the lane or a plan answers. The rest passes through them as always.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import State
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class Attributes(State):
    """State whose names are attributes; for each of Starlette's own Python looks in vain first."""

    def __setattr__(self, name: str, value: object) -> None:
        """As any object has it."""
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        """As any object has it."""
        object.__delattr__(self, name)


class Fronted(FastAPI):
    """The middleware that is added stands outermost, in its order; all else is FastAPI's.

    The outermost of it has to answer what nobody expected: Starlette's layer for that is left out.
    """

    look: Callable[[Scope], None] | None = None
    """What is done by the head of a request alone."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the framework's own
        super().__init__(**options)
        self.state = Attributes()

    def ahead(self, scope: Scope) -> None:
        """Look at a request that has come and has no task yet; not every server calls this.

        Who has not looked looks again in the task, where an error is told of.
        """
        scope["app"] = self
        if self.look is not None:
            with suppress(Exception):
                self.look(scope)

    def build_middleware_stack(self) -> ASGIApp:
        """The framework's own, then what was added around it."""
        added, self.user_middleware = self.user_middleware, []
        try:
            app = super().build_middleware_stack()
        finally:
            self.user_middleware = added
        if isinstance(app, ServerErrorMiddleware):
            app = app.app
        for cls, arguments, options in reversed(added):
            app = cls(app, *arguments, **options)
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; start-up and shutdown are the framework's."""
        if scope["type"] != "http" or self.middleware_stack is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)
