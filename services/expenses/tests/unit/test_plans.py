"""A plan calls what FastAPI calls, in its order; what it cannot do, FastAPI does."""

from collections.abc import AsyncIterator, Callable
from functools import wraps
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Header, Path, Request, Response
from fastapi.security import APIKeyCookie, SecurityScopes
from starlette.types import Message

from expenses_service.plans import Plans

HTTP = {"type": "http", "query_string": b"", "headers": [], "root_path": "", "http_version": "1.1"}


def made(app: FastAPI) -> Plans:
    plans = Plans()
    plans.add(app.routes)
    return plans


async def of_request(request: Request) -> str:
    return str(request.scope["path"])


def called_in_order(calls: list[str]) -> FastAPI:
    """Dependencies of the application, of others and of the endpoint; one is asked for thrice."""

    async def first() -> None:
        calls.append("first")

    async def shared(request: Request, path: Annotated[str, Depends(of_request)]) -> str:
        calls.append(f"shared {request.method} {path}")
        return "shared"

    async def other(value: Annotated[str, Depends(shared)]) -> str:
        calls.append(f"other {value}")
        return "other"

    async def each_time(value: Annotated[str, Depends(shared)]) -> str:
        calls.append(f"each time {value}")
        return f"after {len(calls)}"

    router = APIRouter(prefix="/prefix", dependencies=[Depends(each_time, use_cache=False)])

    @router.get("/path")
    async def endpoint(
        one: Annotated[str, Depends(other)],
        two: Annotated[str, Depends(each_time, use_cache=False)],
        three: Annotated[str, Depends(shared)],
    ) -> Response:
        calls.append(f"endpoint {one} {two} {three}")
        return Response(b"done", 201)

    app = FastAPI(dependencies=[Depends(first)])
    app.include_router(router)
    return app


async def test_a_plan_calls_what_the_framework_calls() -> None:
    calls: list[str] = []
    app = called_in_order(calls)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {**HTTP, "method": "GET", "path": "/prefix/path"}
    await app({**scope}, receive, send)
    by_framework, calls[:] = calls[:], []
    found = made(app).find("GET", "/prefix/path")
    assert found is not None
    response = await found[0].answer(Request({**scope, "path_params": found[1]}))
    assert calls == by_framework
    assert len(calls) == 6
    assert (response.status_code, response.body) == (sent[0]["status"], sent[1]["body"])


async def with_query(x: int = 0) -> int:
    return x


async def with_header(x: Annotated[str, Header()] = "") -> str:
    return x


async def with_body(x: dict[str, str]) -> dict[str, str]:
    return x


async def with_response(response: Response) -> Response:
    return response


async def with_tasks(tasks: BackgroundTasks) -> BackgroundTasks:
    return tasks


async def with_scopes(scopes: SecurityScopes) -> SecurityScopes:
    return scopes


async def opened() -> AsyncIterator[int]:
    yield 1


def in_a_thread() -> int:
    return 1


@wraps(of_request)
async def wrapped(**names: Request) -> str:
    return await of_request(**names)


async def by_name_alone(*, value: Annotated[str, Depends(of_request)]) -> str:
    return value


@pytest.mark.parametrize(
    "dependency",
    [
        with_query,
        with_header,
        with_body,
        with_response,
        with_tasks,
        with_scopes,
        opened,
        in_a_thread,
        wrapped,
        by_name_alone,
        APIKeyCookie(name="x"),
    ],
)
def test_what_only_the_framework_can_give_has_no_plan(dependency: Callable[..., Any]) -> None:
    async def between(value: Annotated[object, Depends(dependency)]) -> object:
        return value

    app = FastAPI()

    @app.post("/direct")
    async def direct(_: Annotated[object, Depends(dependency)]) -> Response:
        return Response()

    @app.post("/between")
    async def indirect(_: Annotated[object, Depends(between)]) -> Response:
        return Response()

    @app.post("/plain")
    async def plain(_: Annotated[str, Depends(of_request)]) -> Response:
        return Response()

    assert set(made(app).fixed) == {("POST", "/plain")}


def test_what_does_not_answer_by_itself_has_no_plan() -> None:
    app = FastAPI()

    @app.get("/model")
    async def model() -> dict[str, str]:
        return {}

    @app.get("/thread")
    def thread() -> Response:
        return Response()

    assert made(app).fixed == {}


def test_a_path_that_two_routes_match_is_the_frameworks() -> None:
    app = FastAPI()

    @app.get("/items/{item}")
    async def item(item: str) -> Response:
        return Response(item)

    @app.get("/items/all")
    @app.post("/items/all")
    async def everything() -> Response:
        return Response()

    plans = made(app)
    assert set(plans.fixed) == {("POST", "/items/all")}
    assert plans.find("GET", "/items/all") is None


async def test_an_id_in_the_path_is_given_as_the_framework_gives_it() -> None:
    app = FastAPI()

    @app.get("/{first:uuid}/x/{second:uuid}")
    async def both(second: UUID, request: Request, first: UUID) -> Response:
        assert request.path_params == {"first": first, "second": second}
        return Response(f"{first} {second}")

    one, two = uuid4(), uuid4()
    found = made(app).find("GET", f"/{one}/x/{str(two).upper()}")
    assert found is not None
    request = Request({**HTTP, "method": "GET", "path": "/", "path_params": found[1]})
    assert (await found[0].answer(request)).body == f"{one} {two}".encode()
    assert made(app).find("GET", f"/{one}/x/{two}0") is None
    assert made(app).find("PUT", f"/{one}/x/{two}") is None


def test_other_parameters_of_a_path_are_the_frameworks() -> None:
    """So are ids that have to be more than ids; the first route that matches decides."""
    app = FastAPI()

    @app.get("/texts/{item}")
    async def text(item: str) -> Response:
        return Response(item)

    @app.get("/strings/{item:uuid}")
    async def string(item: str) -> Response:
        return Response(item)

    @app.get("/named/{item:uuid}")
    async def named(it: Annotated[UUID, Path(alias="item")]) -> Response:
        return Response(str(it))

    @app.get("/{kind}/{item:uuid}")
    async def any_kind(kind: str, item: UUID) -> Response:
        return Response(f"{kind} {item}")

    @app.get("/late/{item:uuid}")
    async def late(item: UUID) -> Response:
        return Response(str(item))

    plans = made(app)
    for path in ("texts", "strings", "named", "late"):
        assert plans.find("GET", f"/{path}/{uuid4()}") is None
