"""The parameters of transfers."""

from typing import Annotated

from pydantic import Field

from expenses_service.expenses.filters import Filters
from expenses_service.transfer.lines import Format


class ExportQuery(Filters):
    """The list's filters, and what kind of file it shall be."""

    format: Annotated[Format, Field(description="A table, or one JSON document a line.")] = "csv"
