"""A bare uvicorn application: it answers everything with the same ready bytes.

`bare.py PORT FILE`, where the file has the headers and the body as JSON. Runs in the environment of
the expenses service, so that uvicorn, uvloop and httptools are the ones that the service has.
"""

import json
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]


def application(
    headers: list[tuple[bytes, bytes]], body: bytes
) -> Callable[[Message, Any, Callable[[Message], Awaitable[None]]], Awaitable[None]]:
    """Pure ASGI, nothing else."""
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    end = {"type": "http.response.body", "body": body}

    async def answer(scope: Message, _: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] == "http":
            await send(start)
            await send(end)

    return answer


def main() -> None:
    """Serve until a signal comes, with the settings that the service has for uvicorn."""
    port, file = sys.argv[1:]
    saved = json.loads(Path(file).read_text())
    headers = [(name.encode(), value.encode()) for name, value in saved["headers"]]
    uvicorn.run(
        application(headers, saved["body"].encode()),
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
