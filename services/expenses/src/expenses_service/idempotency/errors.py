"""What can go wrong with an Idempotency-Key."""

from expenses_service.errors import Conflict, ValidationFailed


class IdempotencyKeyReused(ValidationFailed):
    """The key was used for this call with another body."""

    code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used with another body; take a new one."


class IdempotencyInProgress(Conflict):
    """The first request with this key has not ended."""

    code = "idempotency_in_progress"
    default_detail = "The first request with this Idempotency-Key is still running."
