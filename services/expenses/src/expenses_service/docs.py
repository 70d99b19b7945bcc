"""Swagger UI served from the service itself: no request leaves for another host.

The assets are those of the package fastapi-offline, which ships Swagger UI and is kept in step with
it. The page has no inline script, so that the gateway's content policy can forbid them.
"""

from importlib.resources import files

from fastapi import APIRouter, Request, Response

from expenses_service.errors import NotFound

PATH = "/api/v1/expenses/docs"
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
    return Response(html, media_type="text/html", headers=CACHE)


@router.get(f"{PATH}/{{name}}")
async def asset(name: str, request: Request) -> Response:
    """One of the page's own files, and no other."""
    if name == "start.js":
        return Response(
            START % request.app.openapi_url, media_type="text/javascript", headers=CACHE
        )
    if name not in ASSETS:
        raise NotFound
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(content, media_type=ASSETS[name], headers=CACHE)
