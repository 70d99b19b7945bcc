"""What FastAPI does for a request of a route, worked out once: its dependencies as a list of calls.

FastAPI works it out for each request anew, which is half of what it costs to refuse a sign-in. A
plan is made of what FastAPI itself has found out about a route, so a route is still written and
documented in one place. For a path with parameters, and for a route that asks for anything that a
plan cannot give, none is made: it goes by the framework.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
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


def plans(routes: Iterable[BaseRoute]) -> Mapping[tuple[str, str], Plan]:
    """Those of `routes`, which are all there are, by method and path."""
    found = iter_route_contexts(list(routes))
    contexts = [each for each in found if isinstance(each.original_route, APIRoute)]
    made = {}
    for context in contexts:
        plan = None if context.param_convertors else _plan(context)
        for method in context.methods or ():
            if plan is not None and _is_alone(context, method, contexts):
                made[method, str(context.path)] = plan
    return made


def _is_alone(context: RouteContext, method: str, contexts: Iterable[RouteContext]) -> bool:
    """Whether no other route matches the path."""
    there = [each for each in contexts if each.path_regex.match(context.path)]
    return [each for each in there if method in (each.methods or ())] == [context]


def _plan(context: RouteContext) -> Plan | None:
    endpoint, route = context.endpoint, context.original_route
    if endpoint is None or get_type_hints(endpoint).get("return") is not Response:
        return None
    steps = _Steps()
    if not isinstance(route, APIRoute) or steps.add(context.dependant) is None:
        return None
    return Plan(route, tuple(steps.made))


class _Steps:
    """The steps of a plan as they are made; the request is the first of the values."""

    def __init__(self) -> None:
        self.made: list[_Step] = []
        self._places: dict[tuple[object, object], int] = {}

    def add(self, dependant: Dependant) -> int | None:
        """Its place, after those that it depends on; None when only FastAPI knows what to do."""
        call = dependant.call
        if any(getattr(dependant, name) for name in _OTHERS):
            return None
        if not inspect.iscoroutinefunction(call):
            return None
        named = dependant.request_param_name
        arguments = [] if named is None else [(named, 0)]
        for each in dependant.dependencies:
            place = self.add(each)
            if place is None:
                return None
            if each.name is not None:
                arguments.append((each.name, place))
        key = call, dependant.scope
        if dependant.use_cache and key in self._places:
            return self._places[key]
        self.made.append(_Step(call, tuple(arguments)))
        self._places.setdefault(key, len(self.made))
        return len(self.made)
