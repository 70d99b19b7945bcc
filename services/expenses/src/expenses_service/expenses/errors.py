"""What can go wrong with an expense beyond what every resource shares."""

from expenses_service.errors import Conflict, InvalidRequest


class InvalidCursor(InvalidRequest):
    """A cursor that this service did not make for this user, these filters and this order."""

    code = "invalid_cursor"
    default_detail = "This cursor belongs to another list; start again without one."


class ExternalIdTaken(Conflict):
    """Another expense of the user, live or deleted, has this source and external id."""

    code = "external_id_taken"
    default_detail = (
        "Another of your expenses has this source and external_id, perhaps a deleted one."
    )


class Deleted(Conflict):
    """The expense of this external id was deleted, and the caller did not ask for it back."""

    code = "deleted"
    default_detail = "This expense was deleted; add revive=true to bring it back as you send it."
