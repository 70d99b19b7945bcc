"""What FastAPI does for a request of a route, worked out once: its dependencies as a list of calls.

FastAPI works it out for each request anew. A plan is made of what FastAPI itself has found out
about a route, so a route is still written and documented in one place, as FastAPI has it. For a
route that asks for anything that a plan cannot give, none is made: it goes by the framework.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, get_type_hints

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute

_KNOWN: Final = {"dependencies", "name", "call", "request_param_name", "use_cache", "path", "scope"}
_OTHERS: Final = [field.name for field in fields(Dependant) if field.name not in _KNOWN]
"""Parameters, bodies, limits: whatever else a dependency may want, FastAPI gives it."""


class _Step(NamedTuple):
    """A call, and the place of each argument among the values that there are by then."""

    call: Callable[..., Awaitable[Any]]
    arguments: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of one route in FastAPI's order; the last one is the endpoint itself."""

    route: APIRoute
    steps: tuple[_Step, ...]

    async def answer(self, request: Request) -> Response:
        """What the endpoint returns; raises what it and its dependencies raise."""
        values: list[Any] = [request]
        for call, arguments in self.steps:
            values.append(await call(**{name: values[place] for name, place in arguments}))
        response: Response = values[-1]
        return response


def plans(routes: Iterable[BaseRoute]) -> dict[tuple[str, str], Plan]:
    """The plans by method and path, of routes that are alone on a path without parameters."""
    contexts = [each for each in iter_route_contexts(list(routes)) if _is_api(each)]
    made = {}
    for context in contexts:
        if context.param_convertors:
            continue
        there = [each for each in contexts if each.path_regex.match(context.path)]
        for method in context.methods or ():
            if [each for each in there if method in (each.methods or ())] == [context]:
                plan = _plan(context)
                if plan is not None:
                    made[method, str(context.path)] = plan
    return made


def _is_api(context: RouteContext) -> bool:
    return isinstance(context.original_route, APIRoute)


def _plan(context: RouteContext) -> Plan | None:
    endpoint, route = context.endpoint, context.original_route
    if endpoint is None or get_type_hints(endpoint).get("return") is not Response:
        return None
    steps: list[_Step] = []
    if not isinstance(route, APIRoute) or not _add(context.dependant, steps, {}):
        return None
    return Plan(route, tuple(steps))


def _add(
    dependant: Dependant, steps: list[_Step], places: dict[tuple[object, object], int]
) -> int | None:
    """Its place, after those that it depends on; None when only FastAPI knows what to do."""
    call = dependant.call
    if not inspect.iscoroutinefunction(call) or any(getattr(dependant, n) for n in _OTHERS):
        return None
    arguments = []
    for each in dependant.dependencies:
        place = _add(each, steps, places)
        if place is None:
            return None
        if each.name is not None:
            arguments.append((each.name, place))
    key = call, dependant.scope
    if dependant.use_cache and key in places:
        return places[key]
    if dependant.request_param_name is not None:
        arguments.append((dependant.request_param_name, 0))
    steps.append(_Step(call, tuple(arguments)))
    places.setdefault(key, len(steps))
    return len(steps)
