"""The header fields of a request as the server gives them: bytes, with their names in lower case.

Starlette's `headers` are eight times as slow, and a create asks for nine of them.
"""

from starlette.requests import HTTPConnection


def values(request: HTTPConnection, name: bytes) -> list[str]:
    """The value of each field of this name, in order; a list in one field is not taken apart."""
    return [value.decode("latin-1") for key, value in request.scope["headers"] if key == name]


def first(request: HTTPConnection, name: bytes) -> str | None:
    """The value of the first of them; None without any."""
    for key, value in request.scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None
