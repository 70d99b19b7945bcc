"""How such a body is sent: with validators, and a file under a name to save it by."""

from contextlib import ExitStack

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from expenses_service.cache.responses import USER_DATA
from expenses_service.downloads.models import Download


class _Body(StreamingResponse):
    """Closes what is open for it however it ends: sent, cut, or with its reader gone."""

    open: ExitStack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self.open:
            await super().__call__(scope, receive, send)


def sent(download: Download) -> Response:
    """The body, or 304 for a client that has it."""
    headers = {**USER_DATA, "ETag": download.etag}
    if download.chunks is None:
        return Response(status_code=304, headers=headers)
    if download.name is not None:
        headers["Content-Disposition"] = f'attachment; filename="{download.name}"'
    # Not `media_type`: Starlette adds a charset to every text type, and CSV has its own parameters.
    headers["Content-Type"] = download.media_type
    body = _Body(download.chunks, headers=headers)
    body.open = download.open
    return body
