"""Text from clients: any Unicode, kept as sent, except what no text holds.

Refused: NUL, C0 controls, lone surrogates, and white space only. Lengths count code points.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StrictStr
from pydantic_core import PydanticCustomError

_CONTROLS: Final = r"\u0000-\u001F"
_WHITE: Final = r"\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"


LINE_PATTERN: Final = rf"^[^{_CONTROLS}]*[^{_CONTROLS}{_WHITE}][^{_CONTROLS}]*$"
"""What `line` takes, in the dialect that ECMA-262, Python and Rust share; empty text apart."""

_REFUSED = re.compile(rf"[{_CONTROLS}\ud800-\udfff]")


def line(value: str) -> str:
    """`value`, when it is text of one line; raises PydanticCustomError."""
    if _REFUSED.search(value):
        raise PydanticCustomError("control_character", "must not contain control characters")
    return _not_blank(value)


def _not_blank(value: str) -> str:
    if value and not value.strip():
        raise PydanticCustomError("blank", "must not be white space only")
    return value


AS_LINE: Any = Field(json_schema_extra={"pattern": LINE_PATTERN})
Line = Annotated[StrictStr, AfterValidator(line), AS_LINE]
