"""The type of the ids that every request handles: UUIDs as asyncpg has them.

They equal those of the standard library and stand for them in a set; but those hash, read and write
themselves in Python, which takes three times as long and more.
"""

from typing import Final

from asyncpg.pgproto.pgproto import UUID

Identifier: Final = UUID
