"""Text from clients: any Unicode, kept as sent, except what no text holds.

Refused: NUL, C0 controls, lone surrogates, and white space only. Lengths count code points.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StrictStr
from pydantic_core import PydanticCustomError

CONTROLS: Final = r"\u0000-\u001F"
CONTROLS_BUT_LINES: Final = r"\u0000-\u0008\u000B-\u001F"
_WHITE: Final = r"\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"


def pattern(controls: str, *, without: str = "", but: str = "", blank: str = "") -> str:
    """For the specification: text without these characters, and not of white space alone.

    `but` may be there though it has characters of `without`; those of `blank` are white space too.
    In the dialect that ECMA-262, Python and Rust share. White space is what Python calls so.
    """
    each = f"[^{controls}{without}]"
    each = f"({each}|{but})" if but else each
    return f"^{each}*[^{CONTROLS}{_WHITE}{without}{blank}]{each}*$"


LINE_PATTERN: Final = pattern(CONTROLS)
LINES_PATTERN: Final = pattern(CONTROLS_BUT_LINES)

_CONTROLS = re.compile(rf"[{CONTROLS}\ud800-\udfff]")
_CONTROLS_BUT_LINES = re.compile(rf"[{CONTROLS_BUT_LINES}\ud800-\udfff]")


def line(value: str) -> str:
    """`value`, when it is text of one line; raises PydanticCustomError."""
    if not value.isprintable() and _CONTROLS.search(value):  # what is printable has none
        raise PydanticCustomError("control_character", "must not contain control characters")
    if value and not value.strip():
        raise _blank()
    return value


def lines(value: str) -> str:
    """`value`, when it is text that may break lines; raises PydanticCustomError."""
    if _CONTROLS_BUT_LINES.search(value):
        raise PydanticCustomError(
            "control_character", "must not contain control characters but line break and tab"
        )
    if value and not value.strip():
        raise _blank()
    return value


def _blank() -> PydanticCustomError:
    return PydanticCustomError("blank", "must not be white space only")


AS_LINE: Any = Field(json_schema_extra={"pattern": LINE_PATTERN})
AS_LINES: Any = Field(json_schema_extra={"pattern": LINES_PATTERN})
Line = Annotated[StrictStr, AfterValidator(line), AS_LINE]
