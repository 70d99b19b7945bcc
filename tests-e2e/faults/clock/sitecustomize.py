"""A clock that a test can put wrong: Python runs this first when the folder is on PYTHONPATH.

The offset in seconds is a double in the file FAULTS_CLOCK. Only the time of day is changed, as on a machine
whose clock is wrong: what measures spans (`time.monotonic`, the event loop) goes on as before. A process that
was not given the file, as the parser of an import is not, has the machine's own clock.
"""

import ctypes
import datetime as dt
import gc
import mmap
import os
import struct
import time
from pathlib import Path
from typing import Any

_OFFSET = struct.Struct("d")


def _put_wrong(file: Path) -> None:
    of_day, of_day_ns, now = time.time, time.time_ns, dt.datetime.now
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), _OFFSET.size, prot=mmap.PROT_READ)

    def ahead() -> float:
        return float(_OFFSET.unpack(mapped)[0])

    def shifted(cls: type[dt.datetime], tz: dt.tzinfo | None = None) -> Any:
        del cls
        return now(tz) + dt.timedelta(seconds=ahead())

    time.time = lambda: of_day() + ahead()
    time.time_ns = lambda: of_day_ns() + int(ahead() * 1e9)
    # The class itself has to stay, since C code asks for it and no other, and nobody may assign to it.
    methods: Any = gc.get_referents(dt.datetime.__dict__)[0]
    methods["now"] = classmethod(shifted)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(dt.datetime))


if _file := os.environ.get("FAULTS_CLOCK"):
    _put_wrong(Path(_file))
