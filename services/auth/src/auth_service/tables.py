"""The metadata that every table of this service belongs to."""

from typing import Final

from sqlalchemy import MetaData

NAMES: Final = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}
"""PostgreSQL's own way of naming constraints, so that both ends agree on them."""

metadata: Final = MetaData(naming_convention=NAMES)
