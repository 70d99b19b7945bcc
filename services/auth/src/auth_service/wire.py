"""What is no HTTP request is told in a problem document as well."""

from typing import Final
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from auth_service.problems import document, respond

_DETAIL: Final = (
    "This is no HTTP/1.1 request: its method is unknown, or its target is not percent-encoded."
)


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which refuses in plain text. There is no path and no header yet to go by."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it says nothing of use
        """Called when the parser has given up; the connection ends."""
        request_id = uuid4().hex
        told = respond(
            document(400, "invalid_request", _DETAIL, instance="/", request_id=request_id)
        )
        headers = [
            *self.server_state.default_headers,
            *told.raw_headers,
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(header) for header in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(told.body)]))
        self.transport.close()
