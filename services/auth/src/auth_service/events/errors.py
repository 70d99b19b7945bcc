"""What can be wrong with a request for events."""

from auth_service.errors import InvalidRequest


class InvalidCursor(InvalidRequest):
    """Not a cursor that this service gave to this user."""

    code = "invalid_cursor"
    default_detail = "The cursor is not valid here: begin again without one."
