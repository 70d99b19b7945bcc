"""The parameters of transfers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from expenses_service.expenses.fields import Flag
from expenses_service.expenses.filters import Filters
from expenses_service.transfer.lines import Format
from expenses_service.transfer.models import MAX_FAULTS


class ExportQuery(Filters):
    """The list's filters, and what kind of file it shall be."""

    format: Annotated[Format, Field(description="A table, or one JSON document a line.")] = "csv"


class ImportQuery(BaseModel):
    """How a file is imported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Annotated[
        Literal["atomic", "partial"],
        Field(description="One bad row keeps all out, or the good ones go in."),
    ] = "atomic"
    dry_run: Annotated[Flag, Field(description="Tell what would happen and change nothing.")] = (
        False
    )
    create_categories: Annotated[
        Flag, Field(description="Make the categories that are not there yet.")
    ] = False


class FaultOut(BaseModel):
    """What is wrong with a row; `pointer` is a field of it, or empty for the row as a whole."""

    line: Annotated[int, Field(description="Where the row begins in the file; the first is 1.")]
    code: str
    pointer: Annotated[str, Field(description="RFC 6901, into the row as a JSON document.")]
    detail: str
    suggestion: str | None = None


class ImportOut(BaseModel):
    """What was done, in rows; `errors` are the first 100, by line."""

    created: int
    updated: int
    unchanged: int
    failed: int
    errors: Annotated[list[FaultOut], Field(max_length=MAX_FAULTS)]


class Erasure(BaseModel):
    """That it is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confirm: Annotated[
        Literal["everything"], Field(description="Says that all of it shall be gone for good.")
    ]
