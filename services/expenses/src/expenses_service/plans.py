"""What FastAPI does for a request of a route, worked out once: its dependencies as a list of calls.

FastAPI works it out for each request anew. A plan is made of what FastAPI itself has found out
about a route, so a route is still written and documented in one place, as FastAPI has it. For a
route that asks for anything that a plan cannot give, none is made: it goes by the framework.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import Any, Final, NamedTuple, get_type_hints
from uuid import UUID

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.convertors import Convertor, UUIDConvertor
from starlette.routing import BaseRoute

_KNOWN: Final = {"dependencies", "name", "call", "request_param_name", "use_cache", "path", "scope"}
_CHECKED: Final = "path_params"
_OTHERS: Final = [
    field.name for field in fields(Dependant) if field.name not in {*_KNOWN, _CHECKED}
]
"""Parameters, bodies, limits: whatever else a dependency may want, FastAPI gives it."""


_Taker = Callable[[list[Any]], Iterable[Any]]


class _Step(NamedTuple):
    """A call, and what takes its arguments, in their order, from the values that there are."""

    call: Callable[..., Awaitable[Any]]
    arguments: _Taker


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of one route in FastAPI's order; the last one is the endpoint itself."""

    route: APIRoute
    steps: tuple[_Step, ...]

    async def answer(self, request: Request) -> Response:
        """What the endpoint returns; raises what it and its dependencies raise."""
        values: list[Any] = [request, *request.path_params.values()]
        for call, arguments in self.steps:
            values.append(await call(*arguments(values)))
        response: Response = values[-1]
        return response


class _Way(NamedTuple):
    """A path with parameters, and the plan of its route; None if that goes by the framework."""

    pattern: re.Pattern[str]
    convertors: Mapping[str, Convertor[Any]]
    plan: Plan | None


class Plans:
    """The plans of all routes of an application, by method and path."""

    def __init__(self) -> None:
        self.fixed: dict[tuple[str, str], Plan] = {}
        self.ways: dict[str, list[_Way]] = {}

    def add(self, routes: Iterable[BaseRoute]) -> None:
        """Make those of `routes`, which are all there are, in the order in which they match."""
        contexts = [each for each in iter_route_contexts(list(routes)) if _is_api(each)]
        for context in contexts:
            for method in context.methods or ():
                if context.param_convertors:
                    way = _Way(context.path_regex, context.param_convertors, _plan(context))
                    self.ways.setdefault(method, []).append(way)
                elif _is_alone(context, method, contexts) and (plan := _plan(context)):
                    self.fixed[method, str(context.path)] = plan

    def find(self, method: str, path: str) -> tuple[Plan, dict[str, Any]] | None:
        """The plan for a request, and its path's parameters; None: it goes by the framework."""
        plan = self.fixed.get((method, path))
        if plan is not None:
            return plan, {}
        for way in self.ways.get(method, ()):
            match = way.pattern.match(path)
            if match is not None:
                found = match.groupdict().items()
                values = {name: way.convertors[name].convert(text) for name, text in found}
                return None if way.plan is None else (way.plan, values)
        return None


def _is_api(context: RouteContext) -> bool:
    return isinstance(context.original_route, APIRoute)


def _is_alone(context: RouteContext, method: str, contexts: Iterable[RouteContext]) -> bool:
    """Whether no other route matches the path, which has no parameters."""
    there = [each for each in contexts if each.path_regex.match(context.path)]
    return [each for each in there if method in (each.methods or ())] == [context]


def _plan(context: RouteContext) -> Plan | None:
    endpoint, route = context.endpoint, context.original_route
    if endpoint is None or get_type_hints(endpoint).get("return") is not Response:
        return None
    if not all(isinstance(each, UUIDConvertor) for each in context.param_convertors.values()):
        return None
    steps = _Steps(list(context.param_convertors))
    if not isinstance(route, APIRoute) or steps.add(context.dependant) is None:
        return None
    return Plan(route, tuple(steps.made))


def _in_order(call: Callable[..., Any], places: Mapping[str, int]) -> _Taker | None:
    """What takes the arguments of `call` in its order; None if one can be given by name alone."""
    parameters = inspect.signature(call, follow_wrapped=False).parameters.values()
    if any(each.kind is not each.POSITIONAL_OR_KEYWORD for each in parameters):
        return None
    order = [places[each.name] for each in parameters]
    if len(order) > 1:
        return itemgetter(*order)
    return itemgetter(slice(order[0], order[0] + 1) if order else slice(0))  # always several


class _Steps:
    """The steps of a plan as they are made; `parameters` of the path come after the request."""

    def __init__(self, parameters: list[str]) -> None:
        self.made: list[_Step] = []
        self._parameters = parameters
        self._places: dict[tuple[object, object], int] = {}

    def add(self, dependant: Dependant) -> int | None:
        """Its place, after those that it depends on; None when only FastAPI knows what to do."""
        call = dependant.call
        arguments = self._of_request(dependant)
        if arguments is None or not inspect.iscoroutinefunction(call):
            return None
        for each in dependant.dependencies:
            place = self.add(each)
            if place is None:
                return None
            if each.name is not None:
                arguments.append((each.name, place))
        key = call, dependant.scope
        if dependant.use_cache and key in self._places:
            return self._places[key]
        taker = _in_order(call, dict(arguments))
        if taker is None:
            return None
        self.made.append(_Step(call, taker))
        place = len(self._parameters) + len(self.made)
        self._places.setdefault(key, place)
        return place

    def _of_request(self, dependant: Dependant) -> list[tuple[str, int]] | None:
        """The arguments that no other gives; None if one is more than what the path is read as."""
        if any(getattr(dependant, name) for name in _OTHERS):
            return None
        arguments = []
        for field in dependant.path_params:
            info = field.field_info
            read = field.name in self._parameters and field.alias == field.name
            if not read or info.annotation is not UUID or info.metadata:
                return None
            arguments.append((field.name, 1 + self._parameters.index(field.name)))
        if dependant.request_param_name is not None:
            arguments.append((dependant.request_param_name, 0))
        return arguments
