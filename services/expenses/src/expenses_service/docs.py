"""Swagger UI served from the service itself: no request leaves for another host.

The assets are those of the package fastapi-offline, which ships Swagger UI and is kept in step with
it. The page has no inline script, so that the gateway's content policy can forbid them.
"""

import json
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from expenses_service.errors import NotFound
from expenses_service.etag import not_modified, opaque_etag

PATH = "/api/v1/expenses/docs"
SPECIFICATION = "/api/v1/expenses/openapi.json"
OTHER = ("Auth", "/api/v1/auth/docs")
ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
CACHE = {"Cache-Control": "public, max-age=3600"}

router = APIRouter(include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{path}/swagger-ui.css">
</head>
<body>
<p style="margin: 1rem 2rem; font-family: sans-serif">
{title} · <a href="{other_path}">{other}</a>
</p>
<div id="swagger-ui"></div>
<script src="{path}/swagger-ui-bundle.js"></script>
<script src="{path}/start.js"></script>
</body>
</html>
"""

START = """SwaggerUIBundle({
  url: "%s",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""


@router.get("/docs")
async def entrance() -> Response:
    """Where people look first."""
    return Response(status_code=302, headers={"Location": PATH, **CACHE})


@router.get(PATH)
async def page(request: Request) -> Response:
    """The documentation of this service, with a link to the other's."""
    title = f"{request.app.title} API"
    html = PAGE.format(title=title, path=PATH, other=f"{OTHER[0]} API", other_path=OTHER[1])
    return _public(request, html, "text/html")


@router.get(f"{PATH}/{{name}}")
async def asset(name: str, request: Request) -> Response:
    """One of the page's own files, and no other."""
    if name == "start.js":
        return _public(request, START % SPECIFICATION, "text/javascript")
    if name not in ASSETS:
        raise NotFound
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return _public(request, content.decode(), ASSETS[name])


@router.get(SPECIFICATION)
async def specification(request: Request) -> Response:
    """What the page shows, for programs."""
    text = json.dumps(request.app.openapi(), ensure_ascii=False, separators=(",", ":"))
    return _public(request, text, "application/json")


def _public(request: Request, text: str, media_type: str) -> Response:
    """With a validator, as every GET has one."""
    headers = {**CACHE, "ETag": opaque_etag(text)}
    if not_modified(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type=media_type, headers=headers)
