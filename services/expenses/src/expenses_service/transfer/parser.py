"""Has a file parsed where it does not stand in anybody's way."""

import asyncio
import io
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Final

from msgspec import json

from expenses_service.transfer.errors import ParserFailed
from expenses_service.transfer.lines import Format
from expenses_service.transfer.models import Reading
from expenses_service.transfer.parsing import parse
from expenses_service.transfer.spool import Spool

SMALL_BYTES: Final = 64 * 1024
"""Parsed in a thread: 10 ms of work, where a process takes ten times that to start."""

_CHUNK: Final = 256 * 1024

Taker = Callable[[AsyncIterator[bytes]], Awaitable[None]]


async def parsed(spool: Spool, form: Format, today: date, take: Taker) -> Reading:
    """What is in the file; `take` gets the good rows while they are found.

    Raises ParserFailed, and whatever `take` raises.
    """
    spool.file.seek(0)
    if spool.size <= SMALL_BYTES:
        return await _here(spool, form, today, take)
    return await _apart(spool, form, today, take)


async def _here(spool: Spool, form: Format, today: date, take: Taker) -> Reading:
    rows = io.StringIO(newline="")
    reading = await asyncio.to_thread(parse, spool.file, form, today, rows)
    await take(_one(rows.getvalue().encode()))
    return reading


async def _apart(spool: Spool, form: Format, today: date, take: Taker) -> Reading:
    command = (sys.executable, "-m", "expenses_service.transfer.parsing", form, today.isoformat())
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=spool.file,
        stdout=PIPE,
        stderr=PIPE,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if process.stdout is None or process.stderr is None:
        raise TypeError("both were asked for")
    said = asyncio.create_task(process.stderr.read())
    try:
        await take(_chunks(process.stdout))
        words = await said
        if status := await process.wait():
            raise ParserFailed(retry_after=10, cause=f"parser: exit status {status}")
        return json.decode(words, type=Reading)
    finally:
        said.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _chunks(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await stream.read(_CHUNK):
        yield data
