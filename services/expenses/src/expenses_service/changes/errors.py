"""What can go wrong with the feed of changes."""

from expenses_service.errors import Gone


class ResyncRequired(Gone):
    """The caller's place is not in this log: it was erased, or restored from a backup."""

    code = "resync_required"
    default_detail = "Your place in the changes is gone: drop what you hold, go on from since=0."
