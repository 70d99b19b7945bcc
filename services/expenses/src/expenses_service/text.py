"""Text from clients: any Unicode, kept as sent, except what no text holds.

Refused: NUL, C0 controls, lone surrogates, and white space only. Lengths count code points.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, StrictStr
from pydantic_core import PydanticCustomError

_CONTROLS = re.compile(r"[\x00-\x1f\ud800-\udfff]")
_CONTROLS_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]")


def line(value: str) -> str:
    """`value`, when it is text of one line; raises PydanticCustomError."""
    if _CONTROLS.search(value):
        raise PydanticCustomError("control_character", "must not contain control characters")
    return _not_blank(value)


def lines(value: str) -> str:
    """`value`, when it is text that may break lines; raises PydanticCustomError."""
    if _CONTROLS_BUT_LINES.search(value):
        raise PydanticCustomError(
            "control_character", "must not contain control characters but line break and tab"
        )
    return _not_blank(value)


def _not_blank(value: str) -> str:
    if value and not value.strip():
        raise PydanticCustomError("blank", "must not be white space only")
    return value


Line = Annotated[StrictStr, AfterValidator(line)]
Lines = Annotated[StrictStr, AfterValidator(lines)]
