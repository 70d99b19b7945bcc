"""What can go wrong with a summary."""

from expenses_service.errors import FieldError, ValidationFailed


class TooManyGroups(ValidationFailed):
    """The summary would be larger than anybody reads; `parameter` is what makes it so."""

    def __init__(self, parameter: str, most: int) -> None:
        detail = f"gives more than {most:,} groups: shorten the span of days, or filter"
        super().__init__(errors=[FieldError("too_many_groups", detail, parameter=parameter)])
